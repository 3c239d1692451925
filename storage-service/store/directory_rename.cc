// Another address for an account. Its id, its mailboxes with their UIDVALIDITYs and
// UIDLs, its password and its policy stay, sessions and tokens too, since all of them
// know the account by its id.
//
// The two addresses may be filed in different slices, so it takes several commits: the
// intention is written first; then the new address leads to the account, then the
// account says that it is its own, then the old one is taken away, and the intention
// last. At every moment in between both or one of them lead to the account and mail to
// them is taken; what a crash interrupts the next start finishes.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/account_cache.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/alias_map.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/domain_quotas.h"
#include "storage-service/store/new_account.h"
#include "storage-service/store/policies.h"
#include "storage-service/store/reservations.h"
#include "storage-service/store/shard_calls.h"

namespace restante::store {
namespace {

constexpr char kRenamePrefix = 'r';

engine::ShardId RenamesShard() {
  std::string id(16, '\0');
  id.back() = 3;
  return {engine::ShardId::Kind::kService, *Id128::FromOctets(id)};
}

std::string RenameKey(const AccountId& account) {
  return absl::StrCat(absl::string_view(&kRenamePrefix, 1), account.AsOctets());
}

// Nothing: takes the intention away.
Task<absl::Status> WriteIntention(engine::Engine* engine, AccountId account,
                                  std::optional<std::string> rename) {
  return WriteKey(engine, RenamesShard(), RenameKey(account), std::move(rename));
}

}  // namespace

Task<absl::StatusOr<AccountInfo>> Directory::Rename(std::string address,
                                                    std::string new_address, bool keep_alias) {
  absl::StatusOr<std::string> from = NormalizeAddress(address);
  if (!from.ok()) co_return from.status();
  absl::StatusOr<std::string> to = NormalizeAccountAddress(new_address);
  if (!to.ok()) co_return to.status();
  Reservations::Hold hold(reservations_.get());
  if (!hold.Take(*from)) co_return BeingChanged(address);
  if (*to != *from && !hold.Take(*to)) co_return BeingChanged(new_address);
  const absl::StatusOr<Entry> entry = co_await FindNormalized(*from);
  if (!entry.ok()) co_return entry.status();
  const AccountId account = (*entry)->id;

  absl::Status renamed;
  if (*to == *from) {
    renamed = co_await records_->SetAddress(account, std::move(new_address), *to);
    cache_->Forget(account);
  } else {
    const auto taken = co_await addresses_->Lookup(*to);
    if (!taken.ok()) co_return taken.status();
    if (taken->has_value() && **taken != account) co_return AccountExists(new_address);
    format::RenameEntry rename;
    rename.set_from(*from);
    rename.set_to(std::move(new_address));
    rename.set_normalized_to(*to);
    rename.set_keep_alias(keep_alias);
    renamed = co_await WriteIntention(engine_, account, rename.SerializeAsString());
    if (renamed.ok()) renamed = co_await FinishRename(account, std::move(rename));
  }
  if (!renamed.ok()) co_return renamed;
  const absl::StatusOr<Entry> after = co_await FindById(account);
  if (!after.ok()) co_return after.status();
  absl::StatusOr<AccountInfo> info = co_await InfoOf(*after);
  co_return info;
}

Task<absl::Status> Directory::FinishRename(AccountId account, format::RenameEntry rename) {
  const auto owner = co_await addresses_->Lookup(rename.normalized_to());
  if (!owner.ok()) co_return owner.status();
  absl::Status placed;
  if (!owner->has_value()) {
    std::vector<AddressMap::Mapping> mappings;
    mappings.emplace_back(rename.normalized_to(), account);
    placed = co_await addresses_->Insert(std::move(mappings));
  } else if (**owner != account) {
    placed = AccountExists(rename.to());
  }
  if (ReasonOf(placed) == v1::ERROR_REASON_ACCOUNT_EXISTS) {
    // Nothing was done but the intention.
    const absl::Status dropped = co_await WriteIntention(engine_, account, std::nullopt);
    static_cast<void>(dropped);
  }
  if (!placed.ok()) co_return placed;

  const absl::Status changed = co_await ChangeAddress(account, rename);
  cache_->Forget(account);
  if (IsNoSuchAccount(changed)) {
    // Deleted before a crash could be made good.
    const absl::Status released =
        co_await addresses_->Release(rename.normalized_to(), account, std::nullopt);
    if (!released.ok()) co_return released;
  } else if (!changed.ok()) {
    co_return changed;
  }
  std::optional<std::string> alias;
  if (changed.ok() && rename.keep_alias()) {
    alias = EncodeAliasOf(rename.normalized_to(), account);
  }
  const absl::Status released =
      co_await addresses_->Release(rename.from(), account, std::move(alias));
  cache_->Forget(account);
  if (!released.ok()) co_return released;
  if (changed.ok()) {
    const absl::Status moved = co_await quotas_->MoveAccount(account, DomainOf(rename.from()),
                                                             DomainOf(rename.normalized_to()));
    if (!moved.ok()) co_return moved;
  }
  const absl::Status done = co_await WriteIntention(engine_, account, std::nullopt);
  if (!done.ok()) co_return done;
  co_return changed;
}

Task<absl::Status> Directory::ChangeAddress(AccountId account, format::RenameEntry rename) {
  AsyncMutex::Guard turn = co_await policies_->turn().Lock();
  const auto own = co_await ReadOwnPolicy(account);
  if (!own.ok()) co_return own.status();
  if (!own->has_value()) co_return NoSuchAccount(rename.from());
  // Whoever gets the old address next must not get a UIDVALIDITY that it has had.
  const auto next_uidvalidity = co_await records_->NextUidvalidity(account);
  if (!next_uidvalidity.ok()) co_return next_uidvalidity.status();
  uidvalidities_.Note(rename.from(), *next_uidvalidity, Seconds());
  const bool has_policy = !(*own)->empty();
  if (has_policy) {
    const absl::Status prepared =
        co_await policies_->Prepare(account, DomainOf(rename.normalized_to()), **own);
    if (!prepared.ok()) co_return prepared;
  }
  absl::Status changed =
      co_await records_->SetAddress(account, rename.to(), rename.normalized_to());
  if (has_policy) {
    const absl::Status settled = co_await policies_->Settle(account);
    if (changed.ok() && !settled.ok()) co_return settled;
  }
  co_return changed;
}

Task<absl::Status> Directory::FinishRenames() {
  engine::ScanRequest request;
  request.shard = RenamesShard();
  request.begin = std::string(1, kRenamePrefix);
  request.end = std::string(1, kRenamePrefix + 1);
  const auto page = co_await ScanKeys(engine_, std::move(request));
  if (!page.ok()) co_return page.status();
  for (const auto& [key, value] : page->entries) {
    const std::optional<AccountId> account = AccountId::FromOctets(key.substr(1));
    format::RenameEntry rename;
    if (!account || !rename.ParseFromString(std::string(value))) {
      co_return CorruptRecord("the record of an account's rename");
    }
    const absl::Status finished = co_await FinishRename(*account, rename);
    if (finished.ok()) {
      LogInfo("accounts", "Finished an interrupted rename",
              {{"user", rename.to()}, {"from", rename.from()}});
    } else {
      LogError("accounts", "Can't finish an interrupted rename",
               {{"user", rename.to()}, {"from", rename.from()}, {"error", finished}});
    }
  }
  co_return absl::OkStatus();
}

}  // namespace restante::store
