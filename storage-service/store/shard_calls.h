// The engine's calls as tasks, and the one pattern by which the directory changes
// a shard: read its version, read, commit on that version, again if it moved.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"

namespace restante::store {

// How often a change is tried again because others changed the shard meanwhile.
inline constexpr int kCommitAttempts = 64;

Task<absl::StatusOr<std::optional<std::string>>> GetKey(engine::Engine* engine,
                                                        engine::ShardId shard, std::string key);
Task<absl::StatusOr<engine::ScanPage>> ScanKeys(engine::Engine* engine,
                                                engine::ScanRequest request);
Task<absl::StatusOr<engine::Version>> ShardVersion(engine::Engine* engine,
                                                   engine::ShardId shard);
Task<absl::StatusOr<engine::Version>> CommitShard(engine::Engine* engine,
                                                  engine::CommitRequest request);
Task<absl::StatusOr<std::vector<Id128>>> ShardIds(engine::Engine* engine,
                                                  engine::ShardId::Kind kind, Id128 after,
                                                  size_t limit);

// Puts a value under a key, or without one takes the key away, whatever others change in
// the shard meanwhile. OVERLOADED; after STORE_FAILURE the outcome is unknown.
Task<absl::Status> WriteKey(engine::Engine* engine, engine::ShardId shard, std::string key,
                            std::optional<std::string> value);

// For a shard that kCommitAttempts didn't get hold of: OVERLOADED.
absl::Status TooMuchContention();

// A stored record that can't be decoded: CORRUPT. `what` names it.
absl::Status CorruptRecord(absl::string_view what);

}  // namespace restante::store
