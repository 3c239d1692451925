#include "storage-service/engine/rocks_reads.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/engine/key_codec.h"
#include "storage-service/engine/rocks_status.h"

namespace restante::engine {
namespace {

rocksdb::ReadOptions From(rocksdb::ReadTier tier) {
  rocksdb::ReadOptions read;
  read.read_tier = tier;
  return read;
}

// An iterator over [begin, end), with the storage that its bound points to.
class Range {
 public:
  Range(const Database& database, rocksdb::ReadTier tier, rocksdb::ColumnFamilyHandle* family,
        std::string begin, std::string end)
      : Range(database, From(tier), family, std::move(begin), std::move(end)) {}
  Range(const Database& database, rocksdb::ReadOptions read,
        rocksdb::ColumnFamilyHandle* family, std::string begin, std::string end)
      : end_(std::move(end)), bound_(end_) {
    read.iterate_upper_bound = &bound_;
    iterator_.reset(database.db().NewIterator(read, family));
    iterator_->Seek(begin);
  }

  bool Valid() const { return iterator_->Valid(); }
  void Next() { iterator_->Next(); }
  void Seek(const std::string& key) { iterator_->Seek(key); }
  absl::string_view key() const { return AsView(iterator_->key()); }
  absl::string_view value() const { return AsView(iterator_->value()); }
  rocksdb::Status status() const { return iterator_->status(); }

 private:
  std::string end_;
  rocksdb::Slice bound_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

absl::Status Corrupt(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_CORRUPT, message);
}

}  // namespace

MaybeRead<std::optional<std::string>> ReadEntry(const Database& database,
                                                rocksdb::ReadTier tier, const ShardId& shard,
                                                const std::string& key) {
  using Result = absl::StatusOr<std::optional<std::string>>;
  std::string value;
  const rocksdb::Status status = database.db().Get(From(tier), database.shards(shard.kind),
                                                   keys::Entry(shard, key), &value);
  if (status.IsIncomplete()) return std::nullopt;
  if (status.ok()) return Result(std::move(value));
  if (status.IsNotFound()) return Result(std::optional<std::string>());
  return Result(FromRocks(status, absl::StrCat("cannot read shard ", shard.id.ToHex())));
}

MaybeRead<ScanPage> PageReading::Read(rocksdb::ReadTier tier) {
  std::string end = request_.end.empty() ? keys::EntriesEnd(request_.shard)
                                         : keys::Entry(request_.shard, request_.end);
  std::string begin = keys::Entry(request_.shard, request_.begin);
  if (begin >= end) return ScanPage();
  if (!page_.entries.empty()) {
    begin = keys::Entry(request_.shard,
                        absl::StrCat(page_.entries.back().first, absl::string_view("\0", 1)));
  }
  if (tier == rocksdb::kBlockCacheTier) {
    snapshot_ = std::make_unique<rocksdb::ManagedSnapshot>(&database_.db());
  }
  rocksdb::ReadOptions read = From(tier);
  if (snapshot_ != nullptr) read.snapshot = snapshot_->snapshot();
  Range range(database_, read, database_.shards(request_.shard.kind), std::move(begin),
              std::move(end));
  for (; range.Valid(); range.Next()) {
    const absl::string_view key = range.key().substr(keys::kEntryPrefix);
    if (page_.entries.size() >= request_.max_entries || octets_ >= request_.max_octets) {
      page_.next = std::string(key);
      break;
    }
    const absl::string_view value = range.value();
    octets_ += key.size() + value.size();
    page_.Add(key, value);
  }
  const rocksdb::Status status = range.status();
  if (status.ok()) return std::move(page_);
  if (status.IsIncomplete()) return std::nullopt;
  return FromRocks(status, absl::StrCat("cannot scan shard ", request_.shard.id.ToHex()));
}

MaybeRead<Version> ReadVersion(const Database& database, rocksdb::ReadTier tier,
                               const ShardId& shard) {
  std::string value;
  const rocksdb::Status status = database.db().Get(From(tier), database.shards(shard.kind),
                                                   keys::VersionRecord(shard), &value);
  if (status.IsIncomplete()) return std::nullopt;
  if (status.IsNotFound()) return Version{0};
  const std::string what = absl::StrCat("cannot read the version of shard ", shard.id.ToHex());
  if (!status.ok()) return FromRocks(status, what);
  const std::optional<uint64_t> version = keys::DecodeNumber(value);
  if (!version.has_value()) return Corrupt(absl::StrCat(what, ": it is no number"));
  return *version;
}

MaybeRead<std::string> ReadBodyRange(const Database& database, rocksdb::ReadTier tier,
                                     const BodyId& body, uint64_t offset, size_t length) {
  std::string data;
  while (length > 0 && offset / Engine::kChunkOctets <= UINT32_MAX) {
    const auto index = static_cast<uint32_t>(offset / Engine::kChunkOctets);
    const size_t skip = offset % Engine::kChunkOctets;
    const std::string key = keys::Chunk(body, index);
    rocksdb::PinnableSlice stored;
    const rocksdb::Status status =
        database.db().Get(From(tier), database.bodies(), key, &stored);
    if (status.IsIncomplete()) return std::nullopt;
    if (status.IsNotFound()) break;
    const std::string what =
        absl::StrCat("cannot read chunk ", index, " of body ", body.ToHex());
    if (!status.ok()) return FromRocks(status, what);
    const std::optional<absl::string_view> chunk = keys::OpenChunk(key, AsView(stored));
    if (!chunk.has_value()) return Corrupt(absl::StrCat(what, ": its checksum is wrong"));
    if (chunk->size() <= skip) break;
    const absl::string_view part = chunk->substr(skip, length);
    data.append(part.data(), part.size());
    offset += part.size();
    length -= part.size();
    if (chunk->size() < Engine::kChunkOctets) break;
  }
  if (!data.empty()) return data;
  return absl::NotFoundError(
      absl::StrCat("body ", body.ToHex(), " has no octet at offset ", offset));
}

MaybeRead<std::vector<BodyReference>> ReadReferences(const Database& database,
                                                     rocksdb::ReadTier tier,
                                                     const BodyId& body) {
  Range range(database, tier, database.bodies(), keys::ReferencesBegin(body),
              keys::BodyRecordsEnd(body));
  std::vector<BodyReference> references;
  for (; range.Valid(); range.Next()) {
    const std::optional<keys::BodyRecord> record = keys::ParseBodyRecord(range.key());
    if (!record.has_value() || !record->reference.has_value()) {
      return Corrupt(absl::StrCat("a reference to body ", body.ToHex(), " is malformed"));
    }
    references.push_back(*record->reference);
  }
  const rocksdb::Status status = range.status();
  if (status.ok()) return references;
  if (status.IsIncomplete()) return std::nullopt;
  return FromRocks(status, absl::StrCat("cannot read references to body ", body.ToHex()));
}

MaybeRead<std::vector<Id128>> ReadShardIds(const Database& database, rocksdb::ReadTier tier,
                                           ShardId::Kind kind, const Id128& after,
                                           size_t limit) {
  const ShardId first{kind, after};
  Range range(database, tier, database.shards(kind),
              after.IsZero() ? keys::VersionRecord(first) : keys::EntriesEnd(first),
              keys::KindEnd(kind));
  std::vector<Id128> ids;
  while (range.Valid() && ids.size() < limit) {
    const std::optional<Id128> id = keys::ShardOf(range.key());
    if (!id.has_value()) return Corrupt("a shard's key is malformed");
    ids.push_back(*id);
    range.Seek(keys::EntriesEnd({kind, *id}));
  }
  const rocksdb::Status status = range.status();
  if (status.ok()) return ids;
  if (status.IsIncomplete()) return std::nullopt;
  return FromRocks(status, "cannot list shards");
}

MaybeRead<std::vector<BodyInfo>> ReadBodyInfos(const Database& database, rocksdb::ReadTier tier,
                                               const BodyId& after, size_t limit) {
  Range range(database, tier, database.bodies(),
              after.IsZero() ? keys::BodyRecordsBegin(after) : keys::BodyRecordsEnd(after),
              keys::AllBodyRecordsEnd());
  std::vector<BodyInfo> infos;
  for (; range.Valid(); range.Next()) {
    const std::optional<keys::BodyRecord> record = keys::ParseBodyRecord(range.key());
    if (!record.has_value()) return Corrupt("a body's record is malformed");
    if (infos.empty() || infos.back().body != record->body) {
      if (infos.size() >= limit) break;
      infos.push_back(BodyInfo{.body = record->body});
    }
    if (record->reference.has_value()) {
      infos.back().references.push_back(*record->reference);
      continue;
    }
    const std::optional<uint32_t> octets = keys::DecodeLength(range.value());
    if (!octets.has_value()) {
      return Corrupt(
          absl::StrCat("a chunk's length in body ", record->body.ToHex(), " is malformed"));
    }
    infos.back().octets += *octets;
  }
  const rocksdb::Status status = range.status();
  if (status.ok()) return infos;
  if (status.IsIncomplete()) return std::nullopt;
  return FromRocks(status, "cannot list bodies");
}

}  // namespace restante::engine
