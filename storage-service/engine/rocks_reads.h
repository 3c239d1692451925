// The reads of RocksEngine, as plain functions on the calling thread.
//
// Each takes where it may read from. With kBlockCacheTier it answers nothing when
// memtables and caches don't have it all; with kReadAllTier it always answers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "rocksdb/options.h"
#include "rocksdb/snapshot.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/engine.h"

namespace restante::engine {

template <typename T>
using MaybeRead = std::optional<absl::StatusOr<T>>;

MaybeRead<std::optional<std::string>> ReadEntry(const Database& database,
                                                rocksdb::ReadTier tier, const ShardId& shard,
                                                const std::string& key);
MaybeRead<Version> ReadVersion(const Database& database, rocksdb::ReadTier tier,
                               const ShardId& shard);
MaybeRead<std::string> ReadBodyRange(const Database& database, rocksdb::ReadTier tier,
                                     const BodyId& body, uint64_t offset, size_t length);
MaybeRead<std::vector<BodyReference>> ReadReferences(const Database& database,
                                                     rocksdb::ReadTier tier,
                                                     const BodyId& body);
MaybeRead<std::vector<Id128>> ReadShardIds(const Database& database, rocksdb::ReadTier tier,
                                           ShardId::Kind kind, const Id128& after,
                                           size_t limit);
MaybeRead<std::vector<BodyInfo>> ReadBodyInfos(const Database& database, rocksdb::ReadTier tier,
                                               const BodyId& after, size_t limit);

// The page of one scan. What the caches have isn't read again on the thread that fetches
// the rest, and both see the shard as it was when the reading began.
class PageReading {
 public:
  PageReading(const Database& database, ScanRequest request)
      : database_(database), request_(std::move(request)) {}

  // As above; the second time it goes on where the first had to stop.
  MaybeRead<ScanPage> Read(rocksdb::ReadTier tier);

 private:
  const Database& database_;
  const ScanRequest request_;
  std::unique_ptr<rocksdb::ManagedSnapshot> snapshot_;  // null: nothing to go on with yet
  ScanPage page_;
  size_t octets_ = 0;
};

}  // namespace restante::engine
