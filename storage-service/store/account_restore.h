// Brings back what an account had when a backup was taken: messages that its mailboxes
// don't have any more, and the account itself if it is gone. What is there stays as it is.
//
// What comes back has its GUID, UIDL, dates and flags, and new UIDs; a mailbox that gets
// something back gets a new UIDVALIDITY. Quotas are for mail that comes in, not for this.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/pending_bodies.h"
#include "storage-service/store/store.h"

namespace restante::store {

class AccountRestore {
 public:
  // All pointers outlive this; `backup` is only read.
  AccountRestore(engine::Engine* backup, engine::Engine* engine, Directory* directory,
                 MailboxTable* mailboxes, PendingBodies* pending, const Clock* clock)
      : backup_(backup),
        engine_(engine),
        directory_(directory),
        mailboxes_(mailboxes),
        pending_(pending),
        clock_(clock),
        records_(backup) {}

  // One mailbox of the account, or all. NO_SUCH_ACCOUNT, NO_SUCH_MAILBOX: not in the
  // backup. What was restored when an error comes stays, and is there the next time.
  Task<absl::StatusOr<RestoreSummary>> Run(std::string address, std::string mailbox);

 private:
  using Named = AccountRecords::NamedMailbox;
  using Rows = std::vector<std::pair<uint32_t, StoredRow>>;

  Task<absl::StatusOr<AccountRecords::Loaded>> FindInBackup(std::string address);
  Task<absl::StatusOr<Directory::Entry>> FindOrMakeAccount(AccountRecords::Loaded there,
                                                           bool* made);
  // Of an account that was made, what it was allowed.
  Task<absl::Status> RestoreSettings(AccountRecords::Loaded there);
  // Of one, too: subscriptions, and what mailboxes are used for.
  Task<absl::Status> RestoreNames(Directory::Entry account, AccountId there,
                                  std::vector<Named> mailboxes);
  Task<absl::StatusOr<RestoredMailbox>> RestoreMailbox(Directory::Entry account, Named from);
  Task<absl::Status> ReadWhatIsThere(MailboxId mailbox);
  // Those that were deleted not long ago the mailbox itself still has. What is left of
  // `rows` afterwards it hasn't.
  Task<absl::Status> Undelete(std::shared_ptr<Mailbox> to, Rows* rows,
                              RestoredMailbox* restored);
  Task<absl::Status> RestoreRows(std::shared_ptr<Mailbox> to, Rows rows,
                                 RestoredMailbox* restored);
  // The octets of a row's body under another id. CORRUPT: they can't be read.
  Task<absl::Status> CopyBody(const StoredRow* row, engine::BodyId to);
  Task<absl::Status> RenewUidvalidity(AccountId account, Named mailbox,
                                      std::shared_ptr<Mailbox> state);

  engine::Engine* const backup_;
  engine::Engine* const engine_;
  Directory* const directory_;
  MailboxTable* const mailboxes_;
  PendingBodies* const pending_;
  const Clock* const clock_;
  AccountRecords records_;

  // Of the mailbox at hand.
  absl::flat_hash_set<Guid> guids_;
  absl::flat_hash_set<std::string> uidls_;
  absl::flat_hash_map<Guid, uint32_t> expunged_;  // UIDs of what can be undeleted
};

}  // namespace restante::store
