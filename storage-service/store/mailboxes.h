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

struct ExpungedMessage {
  MessageRow row;  // as it was; its MODSEQ is that of the expunging
  absl::Time expunged;
};

struct ExpungedPage {
  std::vector<ExpungedMessage> messages;  // in the order of their expunging
  bool end = false;
};

struct UndeletedMessage {
  uint32_t old_uid = 0;
  uint32_t new_uid = 0;
  std::string uidl;
};

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

  // What can be brought back, behind a message that was listed: expunged with a MODSEQ
  // above after_modseq, or with it and a UID above after_uid, unless that is 0.
  virtual Task<absl::StatusOr<ExpungedPage>> ListExpunged(std::string address,
                                                          std::string mailbox,
                                                          uint64_t after_modseq,
                                                          uint32_t after_uid,
                                                          uint32_t limit) = 0;
  // Brings back, all or none, what had these UIDs; see undelete.h.
  virtual Task<absl::StatusOr<std::vector<UndeletedMessage>>> Undelete(
      std::string address, std::string mailbox, std::vector<uint32_t> uids) = 0;
};

}  // namespace restante::store
