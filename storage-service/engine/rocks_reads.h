// The reads of RocksEngine, as plain functions on the calling thread.
//
// Each takes where it may read from. With kBlockCacheTier it answers nothing when
// memtables and caches don't have it all; with kReadAllTier it always answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "rocksdb/options.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/engine.h"

namespace restante::engine {

template <typename T>
using MaybeRead = std::optional<absl::StatusOr<T>>;

MaybeRead<std::optional<std::string>> ReadEntry(const Database& database,
                                                rocksdb::ReadTier tier, const ShardId& shard,
                                                const std::string& key);
MaybeRead<ScanPage> ReadPage(const Database& database, rocksdb::ReadTier tier,
                             const ScanRequest& request);
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

}  // namespace restante::engine
