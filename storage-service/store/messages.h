// Reading bodies: parts of messages as a sequence of pieces of at most 64 KiB.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/store/types.h"

namespace restante::store {

struct ReadPiece {
  uint32_t part = 0;  // index into the parts asked for
  std::string data;
  bool last = false;
  absl::Status error;  // the part failed; last is set
};

// One reading of several parts. Holds no more than a frame at a time. Next is
// called again only after the task before is complete; from any thread.
class MessageReader {
 public:
  virtual ~MessageReader() = default;

  // The next pieces, together about 64 KiB; empty at the end. An error ends the
  // whole reading (LEASE_LOST); a message that fails is a piece with an error.
  virtual Task<absl::StatusOr<std::vector<ReadPiece>>> Next() = 0;
};

class Messages {
 public:
  virtual ~Messages() = default;

  // For a maildrop session. Errors: BAD_TOKEN, LEASE_LOST, INVALID_REQUEST.
  virtual Task<absl::StatusOr<std::unique_ptr<MessageReader>>> Read(
      std::string session_token, std::vector<ReadPart> parts) = 0;

  // For operators and IMAP services; mailbox "" is INBOX.
  virtual Task<absl::StatusOr<std::unique_ptr<MessageReader>>> Fetch(
      std::string address, std::string mailbox, std::vector<ReadPart> parts) = 0;
};

}  // namespace restante::store
