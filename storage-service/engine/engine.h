// What the store stands on: ordered keys in shards, bodies beside them, and
// atomic durable commits. RocksDB implements it, and an in-memory engine for
// tests; a distributed object store can. Nothing above may assume more than
// this interface says.
//
// A shard is the unit of atomicity: one mailbox, one account's directory. There
// is no transaction over two shards and no snapshot over two calls.
//
// Threads: every call may be made from any thread and returns at once. `done` is
// called exactly once: on the calling thread before the call returns, or later
// on a thread of the engine's, which it must not block. Commits of one shard
// complete in the order in which they were submitted.
//
// Errors, for all calls: UNAVAILABLE (reason STORE_FAILURE) when the medium
// fails; DATA_LOSS (reason CORRUPT) when what is read fails its checksum;
// CANCELLED while the engine shuts down; RESOURCE_EXHAUSTED (reason OVERLOADED)
// when too many calls wait; INVALID_ARGUMENT (reason INVALID_REQUEST) for
// arguments that this contract doesn't allow. Others are named at each call.
//
// Keys have at least one octet; values may be empty.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/id128.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/backups.h"

namespace restante::engine {

struct ShardId {
  // Stored as the first octet of every key: numbers never change.
  enum class Kind : uint8_t {
    kService = 1,    // one, with a zero id: facts about the store as a whole
    kAddresses = 2,  // a slice of the map from address to account
    kAccount = 3,    // one account's directory
    kMailbox = 4,    // one mailbox
  };
  Kind kind = Kind::kService;
  Id128 id;

  friend bool operator==(const ShardId&, const ShardId&) = default;
  friend auto operator<=>(const ShardId&, const ShardId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ShardId& shard) {
    return H::combine(std::move(h), shard.kind, shard.id);
  }
};

// Grows by one with each commit of a shard; 0 for a shard that has none. A commit
// that erases a shard and puts nothing leaves no shard: its version is 0 again.
using Version = uint64_t;

struct CommitRequest {
  ShardId shard;
  // The shard's version that this commit was computed from.
  Version expected = 0;
  // Deletes take effect before puts, and of two puts of one key the later holds.
  std::vector<std::pair<std::string, std::string>> puts;
  std::vector<std::string> deletes;
  // Delete every key of the shard before the puts; deletes is then empty.
  bool erase_shard = false;
};

struct ScanRequest {
  ShardId shard;
  std::string begin;  // first key wanted
  std::string end;    // first key not wanted; empty: the end of the shard
  // A page ends after this many entries, or once it holds this many octets.
  // Neither is 0, and a page of a range that has entries has at least one.
  size_t max_entries = 1024;
  size_t max_octets = 1 << 20;
};

class ScanPage {
 public:
  // Keys and values, which live as long as the page, wherever it is moved.
  std::vector<std::pair<absl::string_view, absl::string_view>> entries;
  // Where the next page begins; empty: the range is exhausted.
  std::string next;

  // Copies an entry to the end.
  void Add(absl::string_view key, absl::string_view value);

 private:
  // Octets of many entries stand in one piece: to allocate each costs more than to copy it.
  absl::string_view Keep(absl::string_view octets);

  std::vector<std::unique_ptr<char[]>> pieces_;
  char* room_ = nullptr;  // in the last piece
  size_t room_octets_ = 0;
};

using BodyId = Id128;

// One holder of a body. A body with no reference may be erased.
struct BodyReference {
  Id128 mailbox;
  uint32_t uid = 0;
  friend bool operator==(const BodyReference&, const BodyReference&) = default;
  friend auto operator<=>(const BodyReference&, const BodyReference&) = default;
};

struct BodyInfo {
  BodyId body;
  uint64_t octets = 0;  // sum of its chunks
  std::vector<BodyReference> references;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Bodies are written in chunks of exactly this many octets; the last may be
  // shorter. Also the most that one call moves.
  static constexpr size_t kChunkOctets = 64 * 1024;

  // The number of this opening of the store: greater than all before it, durable
  // before the engine opens.
  virtual uint64_t epoch() const = 0;

  virtual void Get(const ShardId& shard, std::string key,
                   Done<absl::StatusOr<std::optional<std::string>>> done) = 0;

  // Ascending by key, octet by octet.
  virtual void Scan(ScanRequest request, Done<absl::StatusOr<ScanPage>> done) = 0;

  virtual void GetVersion(const ShardId& shard, Done<absl::StatusOr<Version>> done) = 0;

  // All of it or nothing, durable when done is called with OK; the value is the
  // shard's new version. A commit may be submitted before the one it builds on is
  // complete (with expected one higher): they share an fsync. If that one fails,
  // this one does too. From a call's return on, everything that the same thread
  // submitted before is durable when this is.
  // ABORTED: the shard's version isn't `expected`. RESOURCE_EXHAUSTED (reason
  // OVERLOADED): too much is waiting; (reason STORE_FULL): no room left. Nothing
  // was changed. After UNAVAILABLE the outcome is unknown until the shard is read.
  virtual void Commit(CommitRequest request, Done<absl::StatusOr<Version>> done) = 0;

  // Writes chunk `index` of a body. Not durable by itself: a body is durable when
  // a commit submitted after all its PutChunk calls is. `done` comes when the
  // engine is ready for more: a caller that waits for it before the next chunk
  // keeps memory bounded. RESOURCE_EXHAUSTED (STORE_FULL): at once when CheckRoom says so.
  virtual void PutChunk(const BodyId& body, uint32_t index, std::string data,
                        Done<absl::Status> done) = 0;

  // OK; or RESOURCE_EXHAUSTED (STORE_FULL) while only a reserve is left: PutChunk is
  // refused then, and everything else goes on, so that room can be made. Costs nothing.
  virtual absl::Status CheckRoom() const = 0;

  // Octets [offset, offset + length) of a body, fewer at its end; length is at
  // most kChunkOctets, at least 1. NOT_FOUND: the body has no octet at offset.
  virtual void ReadBody(const BodyId& body, uint64_t offset, size_t length,
                        Done<absl::StatusOr<std::string>> done) = 0;

  // References are a set: to add one twice or to remove an absent one is no error.
  // Durable with the next commit, like PutChunk.
  virtual void AddReference(const BodyId& body, const BodyReference& reference,
                            Done<absl::Status> done) = 0;
  virtual void RemoveReference(const BodyId& body, const BodyReference& reference,
                               Done<absl::Status> done) = 0;
  virtual void GetReferences(const BodyId& body,
                             Done<absl::StatusOr<std::vector<BodyReference>>> done) = 0;

  // Removes a body's chunks and references. Absent: no error.
  virtual void EraseBody(const BodyId& body, Done<absl::Status> done) = 0;

  // For verify and housekeeping: pages through all shards of a kind, and through
  // all bodies, in the order of their ids, beginning after `after` (the zero id:
  // from the first). Fewer than `limit`: that was the last page. Not a snapshot.
  virtual void ListShards(ShardId::Kind kind, const Id128& after, size_t limit,
                          Done<absl::StatusOr<std::vector<Id128>>> done) = 0;
  virtual void ListBodies(const BodyId& after, size_t limit,
                          Done<absl::StatusOr<std::vector<BodyInfo>>> done) = 0;

  // Of what was deleted and erased before this call no octet is on the medium any more
  // when done is called with OK. Costs up to as much writing as the store has octets, and
  // may take long; calls at the same time share one. By itself an engine gives room back
  // too, in its own time.
  virtual void Purge(Done<absl::Status> done) = 0;

  // Copies to go back to; null: this engine keeps none, or wasn't told where.
  virtual Backups* backups() { return nullptr; }

  // Figures for an operator; names carry their unit.
  virtual std::map<std::string, double> Stats() const = 0;
};

}  // namespace restante::engine
