#include "storage-service/engine/write_batcher.h"

#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/engine/key_codec.h"
#include "storage-service/engine/rocks_status.h"

namespace restante::engine {
namespace {

// RocksDB checks each key and value against this on its way to log and memtable.
constexpr size_t kProtectionOctets = 8;

// A body with more records than this is erased by ranges. A range tombstone costs
// every later read in its memtable; so many single ones cost less.
constexpr size_t kRecordsErasedSingly = 64;

// The memory of a batch that is kept for the next one.
constexpr size_t kBatchOctetsKept = 1 << 20;

rocksdb::WriteBatch NewBatch() {
  return rocksdb::WriteBatch(/*reserved_bytes=*/0, /*max_bytes=*/0, kProtectionOctets,
                             /*default_cf_ts_sz=*/0);
}

}  // namespace

const Version* VersionCache::Find(const ShardId& shard) {
  const auto found = index_.find(shard);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->second;
}

void VersionCache::Put(const ShardId& shard, Version version) {
  if (const auto found = index_.find(shard); found != index_.end()) {
    found->second->second = version;
    entries_.splice(entries_.begin(), entries_, found->second);
    return;
  }
  entries_.emplace_front(shard, version);
  index_.emplace(shard, entries_.begin());
  if (entries_.size() > limit_) {
    index_.erase(entries_.back().first);
    entries_.pop_back();
  }
}

void VersionCache::Forget(const ShardId& shard) {
  const auto found = index_.find(shard);
  if (found == index_.end()) return;
  entries_.erase(found->second);
  index_.erase(found);
}

WriteBatcher::WriteBatcher(const Database& database, size_t cached_versions, bool sync)
    : database_(database), sync_(sync), versions_(cached_versions), batch_(NewBatch()) {}

absl::StatusOr<Version> WriteBatcher::CurrentVersion(const ShardId& shard) {
  if (const auto found = new_versions_.find(shard); found != new_versions_.end()) {
    return found->second;
  }
  if (const Version* cached = versions_.Find(shard)) return *cached;
  std::string value;
  const rocksdb::Status status = database_.db().Get(
      rocksdb::ReadOptions(), database_.shards(shard.kind), keys::VersionRecord(shard), &value);
  Version version = 0;
  if (status.ok()) {
    const std::optional<uint64_t> number = keys::DecodeNumber(value);
    if (!number.has_value()) {
      return MakeError(
          v1::ERROR_REASON_CORRUPT,
          absl::StrCat("the version of shard ", shard.id.ToHex(), " is no number"));
    }
    version = *number;
  } else if (!status.IsNotFound()) {
    return FromRocks(status,
                     absl::StrCat("cannot read the version of shard ", shard.id.ToHex()));
  }
  versions_.Put(shard, version);
  return version;
}

absl::StatusOr<Version> WriteBatcher::Add(const CommitRequest& request) {
  const absl::StatusOr<Version> current = CurrentVersion(request.shard);
  if (!current.ok()) return current;
  if (*current != request.expected) {
    return absl::AbortedError(absl::StrCat("shard ", request.shard.id.ToHex(),
                                           " is at version ", *current, ", not ",
                                           request.expected));
  }
  rocksdb::ColumnFamilyHandle* family = database_.shards(request.shard.kind);
  if (request.erase_shard) {
    batch_.DeleteRange(family, keys::EntriesBegin(request.shard),
                       keys::EntriesEnd(request.shard));
  }
  for (const std::string& key : request.deletes) {
    batch_.Delete(family, keys::Entry(request.shard, key));
  }
  for (const auto& [key, value] : request.puts) {
    batch_.Put(family, keys::Entry(request.shard, key), value);
  }
  Version version = *current + 1;
  if (request.erase_shard && request.puts.empty()) {
    version = 0;
    batch_.Delete(family, keys::VersionRecord(request.shard));
  } else {
    batch_.Put(family, keys::VersionRecord(request.shard), keys::EncodeNumber(version));
  }
  new_versions_.insert_or_assign(request.shard, version);
  ++commits_;
  return version;
}

absl::Status WriteBatcher::Add(const BodyChange& change) {
  if (const auto* put = std::get_if<ChunkPut>(&change)) {
    AddChunk(*put);
    return absl::OkStatus();
  }
  if (const auto* reference = std::get_if<ReferenceChange>(&change)) {
    AddReference(*reference);
    return absl::OkStatus();
  }
  return AddErasure(std::get<BodyErasure>(change));
}

void WriteBatcher::AddChunk(const ChunkPut& put) {
  batch_.Put(database_.bodies(), keys::Chunk(put.body, put.index), put.sealed);
  batch_.Put(database_.bodies(), keys::ChunkRecord(put.body, put.index),
             keys::EncodeLength(put.octets));
  bodies_put_.insert(put.body);
}

void WriteBatcher::AddReference(const ReferenceChange& change) {
  const std::string key = keys::ReferenceRecord(change.body, change.reference);
  if (change.add) {
    batch_.Put(database_.bodies(), key, rocksdb::Slice());
    bodies_put_.insert(change.body);
  } else {
    batch_.Delete(database_.bodies(), key);
  }
}

absl::Status WriteBatcher::AddErasure(const BodyErasure& erasure) {
  rocksdb::ColumnFamilyHandle* family = database_.bodies();
  const std::string begin = keys::BodyRecordsBegin(erasure.body);
  const std::string end = keys::BodyRecordsEnd(erasure.body);
  std::vector<std::string> doomed;
  bool by_range = bodies_put_.contains(erasure.body);  // this batch can't be read yet
  if (!by_range) {
    rocksdb::ReadOptions read;
    const rocksdb::Slice upper(end);
    read.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> records(database_.db().NewIterator(read, family));
    size_t count = 0;
    for (records->Seek(begin); records->Valid(); records->Next()) {
      by_range = ++count > kRecordsErasedSingly;
      const auto record = keys::ParseBodyRecord(AsView(records->key()));
      const bool chunk = record.has_value() && record->chunk.has_value();
      if (chunk) erased_octets_ += keys::DecodeLength(AsView(records->value())).value_or(0);
      if (by_range) continue;
      doomed.push_back(records->key().ToString());
      if (chunk) doomed.push_back(keys::Chunk(erasure.body, *record->chunk));
    }
    if (!records->status().ok()) {
      return FromRocks(records->status(),
                       absl::StrCat("cannot read body ", erasure.body.ToHex()));
    }
  }
  if (by_range) {
    batch_.DeleteRange(family, begin, end);
    batch_.DeleteRange(family, keys::ChunksBegin(erasure.body), keys::ChunksEnd(erasure.body));
  } else {
    for (const std::string& key : doomed) batch_.Delete(family, key);
  }
  return absl::OkStatus();
}

absl::Status WriteBatcher::Write() {
  rocksdb::Status status;
  if (batch_.Count() > 0) {
    rocksdb::WriteOptions write;
    write.sync = sync_ && commits_ > 0;
    status = database_.db().Write(write, &batch_);
  }
  for (const auto& [shard, version] : new_versions_) {
    if (status.ok()) {
      versions_.Put(shard, version);
    } else {
      versions_.Forget(shard);
    }
  }
  new_versions_.clear();
  bodies_put_.clear();
  if (batch_.GetDataSize() > kBatchOctetsKept) {
    batch_ = NewBatch();
  } else {
    batch_.Clear();
  }
  commits_ = 0;
  erased_octets_ = 0;
  return FromRocks(status, "cannot write");
}

}  // namespace restante::engine
