// The engine on RocksDB: one process, one directory. Writes go through the
// committer, reads that would wait for the disk through the reader pool; a call
// never waits for the disk on its caller's thread.
//
// Small reads (Get, GetVersion, ReadBody, a scan for at most 128 entries) are
// answered on the calling thread from memtables and caches when these have it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/engine/committer.h"
#include "storage-service/engine/compactor.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/engine.h"
#include "storage-service/engine/engine_options.h"
#include "storage-service/engine/free_space.h"
#include "storage-service/engine/reader_pool.h"
#include "storage-service/engine/rocks_backups.h"

namespace restante::engine {

class RocksEngine : public Engine {
 public:
  // Opens the store in this directory, or makes one there if it is absent or
  // empty. FAILED_PRECONDITION: another process has it open, the directory holds
  // something else, or the format's version is unknown. DATA_LOSS (CORRUPT): its
  // log is damaged; the message names file and offset (RecoverToLastGoodPoint).
  // UNAVAILABLE (STORE_FAILURE): it can't be read or written.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(const std::string& path,
                                                      const EngineOptions& options = {});

  // Blocks until every call is complete. Those that wait are CANCELLED, and so is
  // what their completions call. No other thread makes calls by then.
  // Over a database that is open already.
  static std::unique_ptr<Engine> Over(std::unique_ptr<Database> database,
                                      const EngineOptions& options);
  ~RocksEngine() override;

  uint64_t epoch() const override { return database_->epoch(); }
  void Get(const ShardId& shard, std::string key,
           Done<absl::StatusOr<std::optional<std::string>>> done) override;
  void Scan(ScanRequest request, Done<absl::StatusOr<ScanPage>> done) override;
  void GetVersion(const ShardId& shard, Done<absl::StatusOr<Version>> done) override;
  void Commit(CommitRequest request, Done<absl::StatusOr<Version>> done) override;
  void PutChunk(const BodyId& body, uint32_t index, std::string data,
                Done<absl::Status> done) override;
  absl::Status CheckRoom() const override { return free_space_.Check(); }
  void ReadBody(const BodyId& body, uint64_t offset, size_t length,
                Done<absl::StatusOr<std::string>> done) override;
  void AddReference(const BodyId& body, const BodyReference& reference,
                    Done<absl::Status> done) override;
  void RemoveReference(const BodyId& body, const BodyReference& reference,
                       Done<absl::Status> done) override;
  void GetReferences(const BodyId& body,
                     Done<absl::StatusOr<std::vector<BodyReference>>> done) override;
  void EraseBody(const BodyId& body, Done<absl::Status> done) override;
  void ListShards(ShardId::Kind kind, const Id128& after, size_t limit,
                  Done<absl::StatusOr<std::vector<Id128>>> done) override;
  void ListBodies(const BodyId& after, size_t limit,
                  Done<absl::StatusOr<std::vector<BodyInfo>>> done) override;
  Backups* backups() override { return backups_.get(); }
  void Purge(Done<absl::Status> done) override { compactor_.Purge(std::move(done)); }
  std::map<std::string, double> Stats() const override;

 private:
  RocksEngine(std::unique_ptr<Database> database, const EngineOptions& options);

  // Runs `read`, which takes the tier to read from and answers nothing when it
  // would have to wait for the disk: here if the caches have it, else on a reader
  // thread.
  enum class First { kCaches, kReaderThread };
  template <typename T, typename Read>
  void Answer(First first, Done<absl::StatusOr<T>> done, Read read);

  std::unique_ptr<Database> database_;
  FreeSpace free_space_;
  Compactor compactor_;
  ReaderPool readers_;
  Committer committer_;
  std::unique_ptr<RocksBackups> backups_;  // null: none are kept
};

}  // namespace restante::engine
