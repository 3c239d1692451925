// Accounts that a crash has cut short in the making: a mailbox and a record, and no address
// that leads there.
#include <string>
#include <vector>

#include "common/log.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/reservations.h"

namespace restante::store {
namespace {

constexpr size_t kOrphanPage = 1000;

}  // namespace

Task<absl::StatusOr<AccountId>> Directory::EraseOrphans(AccountId after) {
  const auto accounts = co_await records_->List(after, kOrphanPage);
  if (!accounts.ok()) co_return accounts.status();
  for (const AccountId& account : *accounts) {
    const absl::Status looked = co_await EraseIfOrphan(account);
    if (!looked.ok()) co_return looked;
  }
  co_return accounts->size() < kOrphanPage ? AccountId() : accounts->back();
}

Task<absl::Status> Directory::EraseIfOrphan(AccountId account) {
  const auto loaded = co_await records_->Load(account);
  // Gone meanwhile, or verify's to report.
  if (!loaded.ok()) co_return absl::OkStatus();
  auto found = co_await addresses_->Lookup(loaded->normalized_address);
  if (!found.ok()) co_return found.status();
  if (*found == account) co_return absl::OkStatus();
  // Whoever makes, renames or deletes an account of this address now knows better.
  Reservations::Hold hold(reservations_.get());
  if (!hold.Take(loaded->normalized_address)) co_return absl::OkStatus();
  const auto still = co_await records_->Load(account);
  if (!still.ok() || still->normalized_address != loaded->normalized_address) {
    co_return absl::OkStatus();  // renamed meanwhile
  }
  found = co_await addresses_->Lookup(loaded->normalized_address);
  if (!found.ok()) co_return found.status();
  if (*found == account) co_return absl::OkStatus();

  const auto mailboxes = co_await records_->Mailboxes(account);
  if (!mailboxes.ok()) co_return absl::OkStatus();
  for (const AccountRecords::NamedMailbox& mailbox : *mailboxes) {
    const auto status = co_await mailboxes_->Status(mailbox.id);
    if (IsNoSuchMailbox(status.status())) continue;
    if (absl::IsDataLoss(status.status())) co_return absl::OkStatus();  // verify's as well
    if (!status.ok()) co_return status.status();
    if (status->uid_next > 1) co_return absl::OkStatus();
  }
  for (const AccountRecords::NamedMailbox& mailbox : *mailboxes) {
    const absl::Status erased = co_await mailboxes_->Erase(mailbox.id);
    if (!erased.ok()) co_return erased;
  }
  LogInfo("accounts", "Erases an account that was not finished",
          {{"user", loaded->entry->address}});
  absl::Status erased = co_await records_->Erase(account);
  co_return erased;
}

}  // namespace restante::store
