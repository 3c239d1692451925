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
#include "storage-service/store/delivery.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/mailboxes.h"
#include "storage-service/store/move.h"

namespace restante::store {

// NO_SUCH_ACCOUNT, BAD_ADDRESS, NO_SUCH_MAILBOX.
Task<absl::StatusOr<std::shared_ptr<Mailbox>>> FindMailbox(Directory* directory,
                                                           MailboxTable* mailboxes,
                                                           std::string address,
                                                           std::string name);

// How many rows an answer has, where a caller asks for so many (0: it doesn't say).
// INVALID_REQUEST: too many.
absl::StatusOr<uint32_t> RowLimit(uint32_t asked);

class AccountMailboxes : public Mailboxes {
 public:
  // What was expunged can be brought back for `grace`; `expunged` is told of each
  // mailbox that has something to be reclaimed, `deleted` of each that was deleted.
  AccountMailboxes(DeliveryTools delivery, Directory* directory, absl::Duration grace,
                   std::function<void(MailboxId)> expunged,
                   std::function<void(MailboxId)> deleted)
      : delivery_(std::move(delivery)),
        engine_(delivery_.engine),
        directory_(directory),
        mailboxes_(delivery_.mailboxes),
        clock_(delivery_.clock),
        grace_(grace),
        expunged_(std::move(expunged)),
        deleted_(std::move(deleted)) {}

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

  // account_messages.cc.
  Task<absl::StatusOr<FlagsAnswer>> StoreFlags(std::string address, std::string mailbox,
                                               std::vector<UidRange> uids, FlagChange change,
                                               uint32_t limit) override;
  Task<absl::StatusOr<ExpungeAnswer>> Expunge(std::string address, std::string mailbox,
                                              std::vector<UidRange> uids, bool only_deleted,
                                              uint32_t limit) override;
  Task<absl::StatusOr<RecentMessages>> ClaimRecent(std::string address,
                                                   std::string mailbox) override;
  Task<absl::StatusOr<CopyAnswer>> Copy(std::string address, std::string mailbox,
                                        std::vector<UidRange> uids,
                                        std::string target) override;
  Task<absl::StatusOr<CopyAnswer>> Move(std::string address, std::string mailbox,
                                        std::vector<UidRange> uids, std::string target,
                                        uint32_t limit) override;
  Task<absl::StatusOr<std::unique_ptr<Appending>>> Append(std::string address,
                                                          std::string mailbox) override;
  Task<absl::StatusOr<std::vector<uint32_t>>> FindAppended(
      std::string address, std::string mailbox, std::vector<std::string> ids) override;

  // account_hierarchy.cc.
  Task<absl::StatusOr<MailboxStatus>> AdoptUids(std::string address, std::string mailbox,
                                                uint32_t uidvalidity,
                                                uint32_t uid_next) override;
  Task<absl::StatusOr<MailboxStatus>> Create(std::string address, std::string mailbox,
                                             std::vector<std::string> special_use) override;
  Task<absl::Status> Rename(std::string address, std::string mailbox,
                            std::string new_name) override;
  Task<absl::Status> Delete(std::string address, std::string mailbox) override;
  Task<absl::Status> SetSpecialUse(std::string address, std::string mailbox,
                                   std::vector<std::string> special_use) override;
  Task<absl::Status> SetSubscribed(std::string address, std::string mailbox,
                                   bool subscribed) override;
  Task<absl::StatusOr<std::vector<std::string>>> Subscriptions(std::string address) override;
  Task<absl::StatusOr<std::unique_ptr<MailboxWatch>>> Watch(std::string address,
                                                            WatchRequest request) override;

 private:
  DeletionTools Tools() const { return {engine_, mailboxes_, directory_}; }
  Task<absl::StatusOr<MailboxStatus>> StatusFor(Directory::NamedMailbox named);
  Task<absl::StatusOr<std::shared_ptr<Mailbox>>> FindIn(Directory::Entry account,
                                                        std::string name);
  Task<absl::Status> RenameInbox(Directory::Entry account, std::string new_name);

  const DeliveryTools delivery_;
  engine::Engine* const engine_;
  Directory* const directory_;
  MailboxTable* const mailboxes_;
  const Clock* const clock_;
  const absl::Duration grace_;
  const std::function<void(MailboxId)> expunged_;
  const std::function<void(MailboxId)> deleted_;
};

}  // namespace restante::store
