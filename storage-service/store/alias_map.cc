#include "storage-service/store/alias_map.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/shard_calls.h"

namespace restante::store {
namespace {

// Below the deletions' mark, where earlier releases look for nothing.
constexpr char kAliasMark = '\0';

std::string EncodeAlias(const AliasMap::Alias& alias) {
  format::AliasEntry entry;
  for (const AliasMap::Target& target : alias.targets) {
    format::AliasTarget* added = entry.add_targets();
    added->set_address(target.address);
    if (target.account) added->set_account_id(std::string(target.account->AsOctets()));
  }
  return entry.SerializeAsString();
}

absl::StatusOr<AliasMap::Alias> DecodeAlias(absl::string_view address,
                                            absl::string_view value) {
  format::AliasEntry entry;
  AliasMap::Alias alias{std::string(address), {}};
  bool sound = entry.ParseFromString(std::string(value)) && entry.targets_size() > 0;
  for (const format::AliasTarget& target : entry.targets()) {
    AliasMap::Target& added = alias.targets.emplace_back();
    added.address = target.address();
    if (target.account_id().empty()) continue;
    added.account = AccountId::FromOctets(target.account_id());
    sound = sound && added.account.has_value();
  }
  if (!sound) return CorruptRecord(absl::StrCat("the alias ", address));
  return alias;
}

}  // namespace

std::string AliasKey(absl::string_view address) {
  return absl::StrCat(absl::string_view(&kAliasMark, 1), address);
}

std::string EncodeAliasOf(const std::string& address, const AccountId& account) {
  return EncodeAlias({"", {{address, account}}});
}

Task<absl::StatusOr<std::optional<AliasMap::Alias>>> AliasMap::Find(std::string address) {
  const engine::ShardId shard = AddressMap::SliceShard(AddressMap::SliceOf(address));
  const auto value = co_await GetKey(engine_, shard, AliasKey(address));
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return std::optional<Alias>();
  absl::StatusOr<Alias> alias = DecodeAlias(address, **value);
  if (!alias.ok()) co_return alias.status();
  co_return std::optional<Alias>(*std::move(alias));
}

Task<absl::StatusOr<AliasMap::Alias>> AliasMap::Change(std::string address, Edit edit) {
  const engine::ShardId shard = AddressMap::SliceShard(AddressMap::SliceOf(address));
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, shard);
    if (!version.ok()) co_return version.status();
    const auto account = co_await GetKey(engine_, shard, address);
    if (!account.ok()) co_return account.status();
    if (account->has_value()) {
      co_return MakeError(v1::ERROR_REASON_ACCOUNT_EXISTS,
                          absl::StrCat("the address ", address, " is an account's"));
    }
    absl::StatusOr<std::optional<Alias>> found = co_await Find(address);
    if (!found.ok()) co_return found.status();
    const bool there = found->has_value();
    Alias alias = there ? **std::move(found) : Alias{address, {}};
    absl::Status edited = edit(alias);
    if (!edited.ok()) co_return edited;
    engine::CommitRequest request{shard, *version};
    if (!alias.targets.empty()) {
      request.puts.emplace_back(AliasKey(address), EncodeAlias(alias));
    } else if (there) {
      request.deletes.push_back(AliasKey(address));
    } else {
      co_return alias;
    }
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (absl::IsAborted(committed.status())) continue;
    // Other aliases may lead here.
    changes_->NoteEverything();
    if (!committed.ok()) co_return committed.status();
    co_return alias;
  }
  co_return TooMuchContention();
}

Task<absl::StatusOr<AliasMap::Page>> AliasMap::List(uint8_t slice, std::string after,
                                                    size_t limit) {
  engine::ScanRequest request;
  request.shard = AddressMap::SliceShard(slice);
  request.begin = absl::StrCat(AliasKey(after), absl::string_view("\0", 1));
  request.end = std::string(1, kAliasMark + 1);
  request.max_entries = limit;
  const auto scanned = co_await ScanKeys(engine_, std::move(request));
  if (!scanned.ok()) co_return scanned.status();
  Page page;
  page.end = scanned->next.empty();
  for (const auto& [key, value] : scanned->entries) {
    absl::StatusOr<Alias> alias = DecodeAlias(key.substr(1), value);
    if (!alias.ok()) co_return alias.status();
    page.aliases.push_back(*std::move(alias));
  }
  co_return page;
}

}  // namespace restante::store
