#include "storage-service/store/address_map.h"

#include <openssl/sha.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/alias_map.h"
#include "storage-service/store/shard_calls.h"

namespace restante::store {
namespace {

// Below every address: one contains no control octet.
constexpr char kDeletionMark = '\x01';

std::string DeletionKey(const AccountId& account) {
  return absl::StrCat(absl::string_view(&kDeletionMark, 1), account.AsOctets());
}

std::string EncodeMapping(const AccountId& account) {
  format::AddressEntry entry;
  entry.set_account_id(std::string(account.AsOctets()));
  return entry.SerializeAsString();
}

absl::StatusOr<AccountId> DecodeMapping(absl::string_view address, absl::string_view value) {
  format::AddressEntry entry;
  if (entry.ParseFromString(std::string(value))) {
    if (const auto id = AccountId::FromOctets(entry.account_id())) return *id;
  }
  return CorruptRecord(absl::StrCat("the address entry of ", address));
}

}  // namespace

uint8_t AddressMap::SliceOf(absl::string_view address) {
  // Part of the storage format: the first octet of SHA-256.
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(address.data()), address.size(), digest.data());
  return digest[0];
}

engine::ShardId AddressMap::SliceShard(uint8_t slice) {
  engine::ShardId shard{engine::ShardId::Kind::kAddresses, {}};
  shard.id.octets.back() = slice;
  return shard;
}

Task<absl::StatusOr<std::optional<AccountId>>> AddressMap::Lookup(std::string address) {
  const engine::ShardId shard = SliceShard(SliceOf(address));
  auto value = co_await GetKey(engine_, shard, address);
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return std::optional<AccountId>();
  absl::StatusOr<AccountId> account = DecodeMapping(address, **value);
  if (!account.ok()) co_return account.status();
  co_return std::optional<AccountId>(*account);
}

Task<absl::StatusOr<bool>> AddressMap::IsTaken(std::string address) {
  const engine::ShardId shard = SliceShard(SliceOf(address));
  const std::vector<std::string> keys = {address, AliasKey(address)};
  for (const std::string& key : keys) {
    const auto value = co_await GetKey(engine_, shard, key);
    if (!value.ok()) co_return value.status();
    if (value->has_value()) co_return true;
  }
  co_return false;
}

Task<absl::Status> AddressMap::Insert(std::vector<Mapping> mappings) {
  if (mappings.empty()) co_return absl::OkStatus();
  const engine::ShardId shard = SliceShard(SliceOf(mappings.front().first));
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, shard);
    if (!version.ok()) co_return version.status();
    engine::CommitRequest request{shard, *version};
    for (const auto& [address, account] : mappings) {
      const auto taken = co_await IsTaken(address);
      if (!taken.ok()) co_return taken.status();
      if (*taken) {
        co_return MakeError(v1::ERROR_REASON_ACCOUNT_EXISTS,
                            absl::StrCat("the address ", address, " is taken"));
      }
      request.puts.emplace_back(address, EncodeMapping(account));
    }
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (absl::IsAborted(committed.status())) continue;
    for (const auto& [address, account] : mappings) changes_->Note(address);
    co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::StatusOr<AddressMap::Deletion>> AddressMap::Remove(std::string address,
                                                              AccountId account,
                                                              std::string address_as_created) {
  const uint8_t slice = SliceOf(address);
  const engine::ShardId shard = SliceShard(slice);
  format::DeletionEntry entry;
  entry.set_address(address_as_created);
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, shard);
    if (!version.ok()) co_return version.status();
    const auto found = co_await Lookup(address);
    if (!found.ok()) co_return found.status();
    if (*found != account) {
      co_return MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT,
                          absl::StrCat("there is no account ", address));
    }
    engine::CommitRequest request{shard, *version};
    request.puts.emplace_back(DeletionKey(account), entry.SerializeAsString());
    request.deletes.push_back(address);
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (absl::IsAborted(committed.status())) continue;
    changes_->Note(address);
    if (!committed.ok()) co_return committed.status();
    co_return Deletion{account, address_as_created, slice};
  }
  co_return TooMuchContention();
}

Task<absl::Status> AddressMap::Release(std::string address, AccountId account,
                                       std::optional<std::string> alias) {
  const engine::ShardId shard = SliceShard(SliceOf(address));
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, shard);
    if (!version.ok()) co_return version.status();
    const auto found = co_await Lookup(address);
    if (!found.ok()) co_return found.status();
    if (*found != account) co_return absl::OkStatus();
    engine::CommitRequest request{shard, *version};
    request.deletes.push_back(address);
    if (alias) request.puts.emplace_back(AliasKey(address), *alias);
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (absl::IsAborted(committed.status())) continue;
    changes_->Note(address);
    co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::Status> AddressMap::FinishDeletion(Deletion deletion) {
  const engine::ShardId shard = SliceShard(deletion.slice);
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const auto version = co_await ShardVersion(engine_, shard);
    if (!version.ok()) co_return version.status();
    engine::CommitRequest request{shard, *version};
    request.deletes.push_back(DeletionKey(deletion.account));
    const auto committed = co_await CommitShard(engine_, std::move(request));
    if (committed.ok()) co_return absl::OkStatus();
    if (!absl::IsAborted(committed.status())) co_return committed.status();
  }
  co_return TooMuchContention();
}

Task<absl::StatusOr<std::vector<AddressMap::Deletion>>> AddressMap::Deletions() {
  std::vector<Deletion> deletions;
  for (size_t slice = 0; slice < kSlices; ++slice) {
    engine::ScanRequest request;
    request.shard = SliceShard(static_cast<uint8_t>(slice));
    request.begin = std::string(1, kDeletionMark);
    request.end = std::string(1, kDeletionMark + 1);
    for (;;) {
      const auto page = co_await ScanKeys(engine_, request);
      if (!page.ok()) co_return page.status();
      for (const auto& [key, value] : page->entries) {
        const auto account = AccountId::FromOctets(key.substr(1));
        format::DeletionEntry entry;
        if (!account.has_value() || !entry.ParseFromString(std::string(value))) {
          co_return CorruptRecord(absl::StrCat("a deletion entry in address slice ", slice));
        }
        deletions.push_back(Deletion{*account, entry.address(), static_cast<uint8_t>(slice)});
      }
      if (page->next.empty()) break;
      request.begin = page->next;
    }
  }
  co_return deletions;
}

Task<absl::StatusOr<AddressMap::Page>> AddressMap::List(uint8_t slice, std::string after,
                                                        size_t limit) {
  engine::ScanRequest request;
  request.shard = SliceShard(slice);
  // The first key after `after`, and in any case behind the deletions.
  request.begin = after.empty() ? std::string(1, kDeletionMark + 1)
                                : absl::StrCat(after, absl::string_view("\0", 1));
  request.max_entries = limit;
  const auto scanned = co_await ScanKeys(engine_, request);
  if (!scanned.ok()) co_return scanned.status();
  Page page;
  page.end = scanned->next.empty();
  for (const auto& [address, value] : scanned->entries) {
    const absl::StatusOr<AccountId> account = DecodeMapping(address, value);
    if (!account.ok()) co_return account.status();
    page.mappings.emplace_back(std::string(address), *account);
  }
  co_return page;
}

}  // namespace restante::store
