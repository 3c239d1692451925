// What a MemoryEngine holds: shards and bodies in ordered maps, and which body
// changes no commit has made durable yet. No threads, no faults.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage-service/engine/engine.h"

namespace restante::engine {

class MemoryContent {
 public:
  struct PutChunk {
    uint32_t index = 0;
    std::shared_ptr<const std::string> data;
  };
  struct AddReference {
    BodyReference reference;
  };
  struct RemoveReference {
    BodyReference reference;
  };
  struct Erase {};
  using BodyChange = std::variant<PutChunk, AddReference, RemoveReference, Erase>;

  std::optional<std::string> Get(const ShardId& shard, const std::string& key) const;
  ScanPage Scan(const ScanRequest& request) const;
  Version GetVersion(const ShardId& shard) const;
  std::vector<Id128> ListShards(ShardId::Kind kind, const Id128& after, size_t limit) const;

  absl::StatusOr<std::string> ReadBody(const BodyId& body, uint64_t offset,
                                       size_t length) const;
  std::vector<BodyReference> GetReferences(const BodyId& body) const;
  std::vector<BodyInfo> ListBodies(const BodyId& after, size_t limit) const;

  // INVALID_ARGUMENT: only a body's last chunk may be shorter than kChunkOctets.
  absl::Status CheckNeighbours(const BodyId& body, uint32_t index, size_t octets) const;

  void Change(const BodyId& body, BodyChange change);

  // How many body changes there were so far; a commit makes durable those that
  // were there when it was submitted.
  uint64_t changes() const { return changes_; }

  // ABORTED: the version isn't the expected one.
  absl::StatusOr<Version> Commit(const CommitRequest& request, uint64_t changes_before);

  // What a crash leaves.
  MemoryContent Durable() const;

 private:
  struct Shard {
    Version version = 0;
    std::map<std::string, std::string> entries;
  };
  struct Body {
    std::map<uint32_t, std::shared_ptr<const std::string>> chunks;
    std::set<BodyReference> references;
  };
  using Bodies = std::map<BodyId, Body>;

  static void Apply(const BodyId& body, const BodyChange& change, Bodies& bodies);

  std::map<ShardId, Shard> shards_;  // only commits change them: always durable
  Bodies bodies_;
  Bodies durable_bodies_;
  std::deque<std::pair<BodyId, BodyChange>> volatile_changes_;
  uint64_t changes_ = 0;
};

}  // namespace restante::engine
