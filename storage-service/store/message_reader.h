// Reads parts of messages out of the engine: whole messages, the answer to TOP,
// ranges of octets; packed into frames of about 64 KiB. Small messages that follow
// one another are read at the same time; of a large one there is never more than
// a frame in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/maildrop_sessions.h"
#include "storage-service/store/messages.h"
#include "storage-service/store/top_part.h"

namespace restante::store {

// Which messages a reading may see.
class MessageSource {
 public:
  virtual ~MessageSource() = default;

  // Before each frame: may the reading go on? LEASE_LOST.
  virtual absl::Status Check() = 0;

  virtual const MailboxId& mailbox() const = 0;

  // Whether messages are shown as they are, or by their surrogates.
  virtual bool utf8() const = 0;

  // Nothing: there is no such message.
  virtual Task<absl::StatusOr<std::optional<StoredRow>>> Find(uint32_t uid) = 0;
};

class PartReader : public MessageReader {
 public:
  // `parts` are legal; see CheckParts.
  PartReader(engine::Engine* engine, std::unique_ptr<MessageSource> source,
             std::vector<ReadPart> parts)
      : engine_(engine), source_(std::move(source)), parts_(std::move(parts)) {}

  Task<absl::StatusOr<std::vector<ReadPiece>>> Next() override;

 private:
  // The part under way, once its row is known.
  struct Open {
    Guid guid;
    engine::BodyId body;
    uint64_t offset = 0;
    uint64_t end = 0;
    std::optional<TopCutter> top;

    // Of a surrogate: its header stands behind the message, and its body where the
    // message's is. Otherwise both are 0.
    uint64_t surrogate_header = 0;
    uint64_t message_header = 0;
    uint64_t message = 0;

    // What stands in the body at `place`, and how much of it in one piece.
    struct Run {
      uint64_t place = 0;
      uint64_t octets = 0;
    };
    Run Next() const;
  };
  struct Found {
    absl::Status status;
    Open open;
  };

  Task<Found> OpenPart(ReadPart part);
  Task<absl::Status> FindRows();
  Task<ReadPiece> ReadPieceOf(uint32_t part, Found* found, size_t room);
  // What is told, and logged, of a body that isn't what it was.
  absl::Status Corrupt(uint32_t uid, const Open& open, absl::string_view what) const;

  engine::Engine* const engine_;
  const std::unique_ptr<MessageSource> source_;
  const std::vector<ReadPart> parts_;
  uint32_t next_ = 0;        // the part under way
  std::vector<Found> open_;  // parts from next_ on whose rows are known
  size_t open_next_ = 0;     // which of open_ is next_'s
};

// INVALID_REQUEST: no parts, or more than 1,024.
absl::Status CheckParts(const std::vector<ReadPart>& parts);

// Messages over sessions and mailboxes.
class MessageReading : public Messages {
 public:
  MessageReading(engine::Engine* engine, MaildropSessions* sessions, Directory* directory,
                 MailboxTable* mailboxes)
      : engine_(engine), sessions_(sessions), directory_(directory), mailboxes_(mailboxes) {}

  Task<absl::StatusOr<std::unique_ptr<MessageReader>>> Read(
      std::string session_token, std::vector<ReadPart> parts) override;
  Task<absl::StatusOr<std::unique_ptr<MessageReader>>> Fetch(
      std::string address, std::string mailbox, std::vector<ReadPart> parts) override;

 private:
  engine::Engine* const engine_;
  MaildropSessions* const sessions_;
  Directory* const directory_;
  MailboxTable* const mailboxes_;
};

}  // namespace restante::store
