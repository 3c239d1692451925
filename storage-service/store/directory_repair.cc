// The directory's part of a repair: what an account says of its mailboxes becomes what is
// true of them.
#include <algorithm>
#include <optional>
#include <utility>

#include "common/errors.h"
#include "storage-service/store/account_cache.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_table.h"

namespace restante::store {
namespace {

constexpr size_t kAccountsInPage = 1024;

}  // namespace

Task<absl::StatusOr<std::optional<Directory::Owner>>> Directory::OwnerOf(MailboxId mailbox) {
  AccountId after;
  while (true) {
    const auto accounts = co_await records_->List(after, kAccountsInPage);
    if (!accounts.ok()) co_return accounts.status();
    for (const AccountId& account : *accounts) {
      const auto named = co_await MailboxesOf(account);
      if (!named.ok()) {
        if (IsFlaw(named.status()) || IsNoSuchAccount(named.status())) continue;
        co_return named.status();
      }
      for (const NamedMailbox& candidate : *named) {
        if (candidate.id == mailbox) co_return std::optional<Owner>({account, candidate});
      }
    }
    if (accounts->size() < kAccountsInPage) co_return std::optional<Owner>();
    after = accounts->back();
  }
}

Task<absl::StatusOr<uint32_t>> Directory::NewUidvalidity(AccountId account) {
  const auto next = co_await records_->NextUidvalidity(account);
  if (!next.ok()) co_return next.status();
  co_return std::max(*next, Seconds());
}

Task<absl::Status> Directory::SetUidvalidity(AccountId account, NamedMailbox mailbox) {
  AccountRecords::NamedMailbox named{std::move(mailbox.name), mailbox.id, mailbox.uidvalidity,
                                     mailbox.special_use};
  absl::Status set = co_await records_->SetUidvalidity(account, std::move(named));
  cache_->Forget(account);
  co_return set;
}

Task<absl::Status> Directory::Reattach(AccountId account, NamedMailbox mailbox) {
  AccountRecords::NamedMailbox named{mailbox.name, mailbox.id, mailbox.uidvalidity,
                                     mailbox.special_use};
  AccountRecords::Edit edit =
      [named](std::map<std::string, AccountRecords::NamedMailbox>& mailboxes) {
        for (const auto& [name, known] : mailboxes) {
          if (known.id == named.id) return absl::OkStatus();
        }
        mailboxes.emplace(named.name, named);
        return absl::OkStatus();
      };
  absl::Status added = co_await records_->EditMailboxes(account, std::move(edit));
  if (!added.ok()) co_return added;
  // What the next mailbox gets is above it.
  absl::Status set = co_await SetUidvalidity(account, std::move(mailbox));
  co_return set;
}

Task<absl::Status> Directory::RepairMailboxesOf(AccountId account) {
  const auto mailboxes = co_await MailboxesOf(account);
  if (!mailboxes.ok()) co_return mailboxes.status();
  for (NamedMailbox mailbox : *mailboxes) {
    const auto status = co_await mailboxes_->Status(mailbox.id);
    if (status.ok()) {
      if (status->uidvalidity == mailbox.uidvalidity) continue;
      mailbox.uidvalidity = status->uidvalidity;
    } else {
      if (!IsNoSuchMailbox(status.status())) continue;  // its head is the verifier's
      const MailboxId id = mailbox.id;
      const auto version = co_await Await<absl::StatusOr<engine::Version>>(
          [&](auto done) { engine_->GetVersion(MailboxShard(id), std::move(done)); });
      if (!version.ok()) co_return version.status();
      if (*version != 0) continue;
      const auto uidvalidity = co_await NewUidvalidity(account);
      if (!uidvalidity.ok()) co_return uidvalidity.status();
      mailbox.uidvalidity = *uidvalidity;
      const absl::Status made = co_await mailboxes_->Create(id, account, mailbox.uidvalidity);
      if (!made.ok()) co_return made;
    }
    const absl::Status set = co_await SetUidvalidity(account, mailbox);
    if (!set.ok()) co_return set;
  }
  co_return absl::OkStatus();
}

}  // namespace restante::store
