// Mailboxes of an account and the rows in them, for IMAP services and operators.
// Mailbox "" is INBOX, which is compared without regard to case.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/store/types.h"

namespace restante::store {

class Mailboxes {
 public:
  virtual ~Mailboxes() = default;

  virtual Task<absl::StatusOr<std::vector<MailboxStatus>>> List(std::string address) = 0;
  virtual Task<absl::StatusOr<MailboxStatus>> Get(std::string address, std::string mailbox) = 0;
  virtual Task<absl::StatusOr<RowPage>> ListMessages(std::string address, std::string mailbox,
                                                     uint32_t after_uid, uint32_t limit) = 0;
  // Everything after `since_modseq`, expunged messages included.
  virtual Task<absl::StatusOr<Changes>> ChangesSince(std::string address, std::string mailbox,
                                                     uint64_t since_modseq) = 0;
};

}  // namespace restante::store
