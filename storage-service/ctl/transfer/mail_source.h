// Where an import takes mail from: another server's files, or another server. A source
// knows what there is and how to read it; what becomes of it is mail_import.h's.
//
// Not thread-safe; one call at a time. Errors end the import and say what is wrong; what
// is wrong with a single message goes to the sink, and the others follow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace restante::ctl {

struct SourceMessage {
  // As reports call it: a file's path, or where it is at a server.
  std::string name;
  // Tells it apart within its mailbox, and stays when flags, or the files around it,
  // change: an import that is repeated knows it by this.
  std::string id;
  std::optional<absl::Time> received;  // nothing: not known
  std::vector<std::string> flags;      // as IMAP has them
  std::string uidl;                    // that clients know it by; empty: none
  uint32_t uid = 0;                    // 0: none
  uint64_t octets = 0;                 // about; for the time that is left
};

struct SourceMailbox {
  std::string name;          // as it is called here: "INBOX", "Archive/2024"
  std::string place;         // the source's own name of it
  uint32_t uidvalidity = 0;  // 0: not known
  uint32_t uid_next = 0;     // 0: not known
  std::vector<std::string> special_use;
  uint64_t messages = 0;  // about
};

// Takes messages, each as Begin, Data any number of times, and End or Abandon. An error
// of any of them ends the import.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual absl::Status Begin(SourceMessage message) = 0;
  virtual absl::Status Data(std::string octets) = 0;
  virtual absl::Status End() = 0;
  // The message that has begun can't be read to its end.
  virtual absl::Status Abandon(const absl::Status& why) = 0;
  // This one can't be read at all.
  virtual void Unreadable(const SourceMessage& message, const absl::Status& why) = 0;
  // It has been deleted there in the meantime.
  virtual void Gone(const SourceMessage& message) = 0;
};

class MailSource {
 public:
  virtual ~MailSource() = default;

  // The first part of a message's id here; with the id it names the message for ever.
  virtual std::string kind() const = 0;

  virtual absl::StatusOr<std::vector<SourceMailbox>> Mailboxes() = 0;

  // Names of mailboxes, as they are called here.
  virtual absl::StatusOr<std::vector<std::string>> Subscriptions() {
    return std::vector<std::string>();
  }

  // In the order in which they are to come: by UID, those without one behind.
  virtual absl::StatusOr<std::vector<SourceMessage>> Messages(SourceMailbox* mailbox) = 0;

  // Some of those messages, in their order.
  virtual absl::Status Fetch(const SourceMailbox& mailbox, std::vector<SourceMessage> wanted,
                             MessageSink* sink) = 0;

  // After all of these are here, durably: deletes them there. Only of sources that can.
  virtual absl::Status Delete(const SourceMailbox& /*mailbox*/,
                              const std::vector<SourceMessage>& /*messages*/) {
    return absl::OkStatus();
  }

  // What may surprise an operator, in words; since the last call.
  std::vector<std::string> TakeNotes() { return std::exchange(notes_, {}); }

 protected:
  void Note(std::string text) { notes_.push_back(std::move(text)); }

 private:
  std::vector<std::string> notes_;
};

}  // namespace restante::ctl
