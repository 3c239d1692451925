// The directory's part of verify: every address leads to an account that knows it,
// every account shard is led to, and every mailbox that an account names is there.
// The store may be in use: what looks wrong is looked at again before it is told.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/alias_map.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/mailbox_table.h"
#include "storage-service/store/reservations.h"

namespace restante::store {
namespace {

constexpr size_t kDirectoryPage = 1000;

}  // namespace

Task<absl::StatusOr<uint64_t>> Directory::Verify(std::function<void(VerifyFinding)> report,
                                                 bool repair) {
  uint64_t accounts = 0;
  for (size_t slice = 0; slice < AddressMap::kSlices; ++slice) {
    std::string after;
    for (bool end = false; !end;) {
      const auto page =
          co_await addresses_->List(static_cast<uint8_t>(slice), after, kDirectoryPage);
      if (!page.ok()) {
        report({true, absl::StrCat("address slice ", slice),
                std::string(page.status().message())});
        break;
      }
      for (const auto& [address, account] : page->mappings) {
        ++accounts;
        if (reservations_->IsHeld(address)) continue;  // being renamed or deleted
        absl::StatusOr<std::string> flaw = co_await FlawOf(address, account, slice);
        if (!flaw.ok()) co_return flaw.status();
        if (flaw->empty()) continue;
        const auto still = co_await addresses_->Lookup(address);
        if (still.ok() && *still != account) continue;  // deleted meanwhile
        report({true, absl::StrCat("account ", address), *std::move(flaw)});
        if (!repair) continue;
        const absl::Status repaired = co_await RepairMailboxesOf(account);
        if (!repaired.ok() && !IsFlaw(repaired) && !IsNoSuchAccount(repaired)) {
          co_return repaired;
        }
      }
      end = page->end;
      if (!page->mappings.empty()) after = page->mappings.back().first;
    }
  }

  const auto deletions = co_await addresses_->Deletions();
  if (!deletions.ok()) {
    report({true, "address map", std::string(deletions.status().message())});
  } else {
    for (const AddressMap::Deletion& deletion : *deletions) {
      report({false, absl::StrCat("account ", deletion.address),
              "is deleted; its mail is still being removed, or will be at the next start"});
    }
  }
  const absl::Status aliases = co_await VerifyAliases(&report);
  if (!aliases.ok()) co_return aliases;
  const absl::Status shards = co_await VerifyShards(&report);
  if (!shards.ok()) co_return shards;
  co_return accounts;
}

Task<absl::Status> Directory::VerifyAliases(const std::function<void(VerifyFinding)>* report) {
  for (size_t slice = 0; slice < AddressMap::kSlices; ++slice) {
    std::string after;
    for (bool end = false; !end;) {
      const auto page =
          co_await aliases_->List(static_cast<uint8_t>(slice), after, kDirectoryPage);
      if (!page.ok()) {
        if (!IsFlaw(page.status())) co_return page.status();
        (*report)({true, absl::StrCat("address slice ", slice),
                   std::string(page.status().message())});
        break;
      }
      for (const AliasMap::Alias& alias : page->aliases) {
        if (AddressMap::SliceOf(alias.address) != slice) {
          (*report)({true, absl::StrCat("alias ", alias.address),
                     absl::StrCat("is filed in slice ", slice, ", where no lookup finds it")});
          continue;
        }
        const auto account = co_await addresses_->Lookup(alias.address);
        if (!account.ok() || !account->has_value()) continue;
        const auto still = co_await aliases_->Find(alias.address);
        if (!still.ok() || !still->has_value()) continue;  // became an account meanwhile
        (*report)({true, absl::StrCat("alias ", alias.address),
                   "its address is an account's as well"});
      }
      end = page->end;
      if (!page->aliases.empty()) after = page->aliases.back().address;
    }
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::string>> Directory::FlawOf(std::string address, AccountId account,
                                                    size_t slice) {
  const absl::StatusOr<std::string> normalized = NormalizeAddress(address);
  if (!normalized.ok() || *normalized != address) {
    co_return std::string("its address is filed in a form that no lookup finds");
  }
  if (AddressMap::SliceOf(address) != slice) {
    co_return absl::StrCat("its address is filed in slice ", slice,
                           ", where no lookup finds it");
  }
  const auto loaded = co_await records_->Load(account);
  if (!loaded.ok()) {
    if (IsNoSuchAccount(loaded.status())) {
      co_return absl::StrCat("its address leads to account ", account.ToHex(),
                             ", which isn't there");
    }
    if (IsFlaw(loaded.status())) co_return std::string(loaded.status().message());
    co_return loaded.status();
  }
  if (loaded->normalized_address != address) {
    co_return absl::StrCat("its address leads to account ", account.ToHex(),
                           ", which is that of ", loaded->normalized_address);
  }
  const auto mailboxes = co_await records_->Mailboxes(account);
  if (!mailboxes.ok()) {
    if (IsFlaw(mailboxes.status())) co_return std::string(mailboxes.status().message());
    co_return mailboxes.status();
  }
  for (const AccountRecords::NamedMailbox& mailbox : *mailboxes) {
    const auto status = co_await mailboxes_->Status(mailbox.id);
    if (!status.ok()) {
      if (!IsNoSuchMailbox(status.status()) && !IsFlaw(status.status())) {
        co_return status.status();
      }
      const auto still = co_await HasMailbox(account, mailbox.id);
      if (!still.ok()) co_return still.status();
      if (!*still) continue;  // deleted meanwhile
      co_return absl::StrCat("mailbox ", mailbox.name, ": ", status.status().message());
    }
    if (status->uidvalidity != mailbox.uidvalidity) {
      co_return absl::StrCat("mailbox ", mailbox.name, " has UIDVALIDITY ", status->uidvalidity,
                             ", and ", mailbox.uidvalidity, " in the account's record");
    }
  }
  co_return std::string();
}

Task<absl::Status> Directory::VerifyShards(const std::function<void(VerifyFinding)>* report) {
  AccountId after;
  for (;;) {
    const auto accounts = co_await records_->List(after, kDirectoryPage);
    if (!accounts.ok()) co_return accounts.status();
    if (accounts->empty()) co_return absl::OkStatus();
    for (const AccountId& account : *accounts) {
      const auto loaded = co_await records_->Load(account);
      // Gone meanwhile, or told above.
      if (!loaded.ok()) continue;
      const auto found = co_await addresses_->Lookup(loaded->normalized_address);
      if (!found.ok() || *found == account) continue;
      if (reservations_->IsHeld(loaded->normalized_address)) continue;  // being made
      const auto still = co_await records_->Load(account);
      if (!still.ok()) continue;  // deleted meanwhile
      (*report)({false, absl::StrCat("account ", account.ToHex()),
                 absl::StrCat("is an orphan: no address leads to it (it was to be ",
                              loaded->entry->address, ")")});
    }
    after = accounts->back();
  }
}

}  // namespace restante::store
