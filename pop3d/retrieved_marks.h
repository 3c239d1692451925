// Which messages of a session its client has been sent whole by RETR: what policies
// that keep mail for some time after its retrieval go by. A message counts once the
// last octet of its response has left; what still waits in the output when the
// connection drops doesn't. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "google/protobuf/repeated_field.h"
#include "pop3d/message_marks.h"
#include "restante/v1/maildrop.pb.h"

namespace restante::pop3 {

class RetrievedMarks {
 public:
  // The whole response is in the output; it has left when `end` octets of the
  // connection have (Connection::sent_octets).
  void Add(uint32_t number, uint32_t uid, uint64_t end);

  bool HasUnsent() const { return !unsent_.empty(); }

  // So many octets of the connection have left by now.
  void Settle(uint64_t sent_octets);

  // Messages that have left and weren't cleared.
  uint64_t count() const { return marks_.count(); }
  // Forgets what has left, after it was told.
  void Clear() { marks_.Clear(); }

  // Appends the UIDs of what has left, in runs. Beyond MessageMarks::kMaxRuns runs
  // further messages are left out: they are kept longer than the policy says, which
  // loses nothing.
  void AppendTo(google::protobuf::RepeatedPtrField<v1::UidRange>* ranges) const;

 private:
  struct Unsent {
    uint32_t number = 0;
    uint32_t uid = 0;
    uint64_t end = 0;
  };
  // No longer than the responses that an output buffer holds.
  std::vector<Unsent> unsent_;
  // Of runs alone, whose UIDs are known.
  MessageMarks marks_;
};

}  // namespace restante::pop3
