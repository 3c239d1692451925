// Turns a run of submitted changes into one RocksDB write: checks each commit
// against its shard's version, and remembers versions so that it rarely reads.
//
// Used by the committer's one writer thread only; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/write_batch.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/engine.h"

namespace restante::engine {

// Changes of bodies, as the committer queues them.
struct ChunkPut {
  BodyId body;
  uint32_t index = 0;
  uint32_t octets = 0;
  std::string sealed;  // keys::SealChunk
};
struct ReferenceChange {
  BodyId body;
  BodyReference reference;
  bool add = true;
};
struct BodyErasure {
  BodyId body;
};
using BodyChange = std::variant<ChunkPut, ReferenceChange, BodyErasure>;

// The versions of the shards that were committed to last.
class VersionCache {
 public:
  explicit VersionCache(size_t limit) : limit_(limit) {}
  const Version* Find(const ShardId& shard);
  void Put(const ShardId& shard, Version version);
  void Forget(const ShardId& shard);

 private:
  using Entries = std::list<std::pair<ShardId, Version>>;
  const size_t limit_;
  Entries entries_;  // latest first
  absl::flat_hash_map<ShardId, Entries::iterator> index_;
};

class WriteBatcher {
 public:
  WriteBatcher(const Database& database, size_t cached_versions, bool sync);

  // Adds a commit to the batch: its new version. ABORTED when `expected` isn't
  // what the shard has by then; then nothing was added.
  absl::StatusOr<Version> Add(const CommitRequest& request);
  absl::Status Add(const BodyChange& change);

  // Writes the batch and begins a new one. Durable if any commit was in it.
  absl::Status Write();

  // What the batch holds: commits, and octets of bodies that it erases.
  size_t commits() const { return commits_; }
  uint64_t erased_octets() const { return erased_octets_; }

 private:
  absl::StatusOr<Version> CurrentVersion(const ShardId& shard);
  void AddChunk(const ChunkPut& put);
  void AddReference(const ReferenceChange& change);
  absl::Status AddErasure(const BodyErasure& erasure);

  const Database& database_;
  const bool sync_;
  VersionCache versions_;

  rocksdb::WriteBatch batch_;
  size_t commits_ = 0;
  uint64_t erased_octets_ = 0;
  absl::flat_hash_map<ShardId, Version> new_versions_;
  absl::flat_hash_set<BodyId> bodies_put_;
};

}  // namespace restante::engine
