// An account's mailboxes for IMAP services and operators: names to mailboxes, rows
// and changes out of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/mailboxes.h"

namespace restante::store {

// NO_SUCH_ACCOUNT, BAD_ADDRESS, NO_SUCH_MAILBOX.
Task<absl::StatusOr<std::shared_ptr<Mailbox>>> FindMailbox(Directory* directory,
                                                           MailboxTable* mailboxes,
                                                           std::string address,
                                                           std::string name);

class AccountMailboxes : public Mailboxes {
 public:
  // What was expunged can be brought back for `grace`; `expunged` is told of each
  // mailbox that has something to be reclaimed.
  AccountMailboxes(engine::Engine* engine, Directory* directory, MailboxTable* mailboxes,
                   const Clock* clock, absl::Duration grace,
                   std::function<void(MailboxId)> expunged)
      : engine_(engine),
        directory_(directory),
        mailboxes_(mailboxes),
        clock_(clock),
        grace_(grace),
        expunged_(std::move(expunged)) {}

  Task<absl::StatusOr<std::vector<MailboxStatus>>> List(std::string address) override;
  Task<absl::StatusOr<MailboxStatus>> Get(std::string address, std::string mailbox) override;
  Task<absl::StatusOr<RowPage>> QueryMessages(std::string address, std::string mailbox,
                                              RowQuery query) override;
  Task<absl::StatusOr<Changes>> ListChanges(std::string address, std::string mailbox,
                                            ChangePlace after, uint32_t limit) override;
  Task<absl::StatusOr<ExpungedPage>> ListExpunged(std::string address, std::string mailbox,
                                                  uint64_t after_modseq, uint32_t after_uid,
                                                  uint32_t limit) override;
  Task<absl::StatusOr<std::vector<UndeletedMessage>>> Undelete(
      std::string address, std::string mailbox, std::vector<uint32_t> uids) override;
  Task<absl::StatusOr<FlagsAnswer>> StoreFlags(std::string address, std::string mailbox,
                                               std::vector<UidRange> uids, FlagChange change,
                                               uint32_t limit) override;
  Task<absl::StatusOr<ExpungeAnswer>> Expunge(std::string address, std::string mailbox,
                                              std::vector<UidRange> uids, bool only_deleted,
                                              uint32_t limit) override;
  Task<absl::StatusOr<RecentMessages>> ClaimRecent(std::string address,
                                                   std::string mailbox) override;

 private:
  Task<absl::StatusOr<MailboxStatus>> StatusFor(Directory::NamedMailbox named);

  engine::Engine* const engine_;
  Directory* const directory_;
  MailboxTable* const mailboxes_;
  const Clock* const clock_;
  const absl::Duration grace_;
  const std::function<void(MailboxId)> expunged_;
};

}  // namespace restante::store
