// A message's octets on their way into the engine: normalised, measured and cut into
// chunks while they arrive, with the header of a surrogate behind them if need be. At
// most a chunk of them is in memory. Whose message it becomes is its user's.
//
// A body that fits into one chunk is sent to the engine together with its rows, so that
// all of it is one batch. A larger one is on the list of pending bodies from before its
// first chunk until its fate is decided.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/bodies.h"
#include "storage-service/store/field_matcher.h"
#include "storage-service/store/header_downgrade.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/normaliser.h"
#include "storage-service/store/pending_bodies.h"

namespace restante::store {

// The reason why a message may not be larger than it is.
absl::Status TooLarge(uint64_t limit_octets);

// Calls follow one another. One of Written, NotWritten and InDoubt comes last.
class IncomingBody {
 public:
  // With `smtputf8` the message may need a surrogate.
  IncomingBody(engine::Engine* engine, Bodies* bodies, PendingBodies* pending,
               uint64_t max_octets, bool smtputf8);
  IncomingBody(const IncomingBody&) = delete;
  IncomingBody& operator=(const IncomingBody&) = delete;

  // Shows the message's header to somebody else too. Before the first Append; outlives
  // this.
  void ShowHeaderTo(FieldMatcher* matcher) { matcher_ = matcher; }

  const Guid& guid() const { return guid_; }
  uint64_t octets() const { return normaliser_.octets(); }
  // In memory still.
  size_t buffered() const { return buffer_.size(); }

  // The next octets. TOO_LARGE, or the engine's error: then the message has failed.
  Task<absl::Status> Append(std::string data);
  // There are no more. All but the last chunk is with the engine afterwards; with
  // `flush` that as well.
  Task<absl::Status> End(bool flush = false);
  // Submits what is left: durable with any commit that is submitted behind it.
  absl::Status PutLastChunk();

  // What a row tells of it: guid, body, sizes, the dot mark.
  StoredRow Row() const;

  // A row has it, durably; no row has it, though it may have got references; nobody
  // knows.
  void Written();
  void NotWritten(bool referenced);
  void InDoubt();

 private:
  void Normalise(absl::string_view data);
  Task<absl::Status> FlushChunk();

  engine::Engine* const engine_;
  PendingBodies* const pending_;
  const uint64_t max_octets_;
  const Guid guid_;
  const Bodies::Hold hold_;
  Normaliser normaliser_;
  std::optional<HeaderDowngrade> surrogate_;
  FieldMatcher* matcher_ = nullptr;
  std::string buffer_;  // normalised, not yet sent to the engine
  uint32_t chunks_ = 0;
  bool listed_ = false;  // among the pending bodies
  absl::Status failure_;
};

}  // namespace restante::store
