#include "storage-service/engine/rocks_engine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/engine/key_codec.h"
#include "storage-service/engine/request_checks.h"
#include "storage-service/engine/rocks_reads.h"
#include "storage-service/engine/rocks_status.h"

namespace restante::engine {
namespace {

// A scan of more takes too long for a thread that has other callers to serve.
constexpr size_t kInlineScanEntries = 128;

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> RocksEngine::Open(const std::string& path,
                                                          const EngineOptions& options) {
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(path, options, Database::Recovery::kRefuseDamage);
  if (!database.ok()) return database.status();
  return Over(*std::move(database), options);
}

std::unique_ptr<Engine> RocksEngine::Over(std::unique_ptr<Database> database,
                                          const EngineOptions& options) {
  return std::unique_ptr<Engine>(new RocksEngine(std::move(database), options));
}

RocksEngine::RocksEngine(std::unique_ptr<Database> database, const EngineOptions& options)
    : database_(std::move(database)),
      free_space_(database_->env(), database_->path(), options.reserve_octets,
                  options.space_check_interval),
      compactor_(*database_, free_space_, options),
      readers_(options.reader_threads, options.queued_reads),
      committer_(*database_, options, compactor_) {
  if (options.backup_directory.empty()) return;
  backups_ = std::make_unique<RocksBackups>(*database_, options);
}

RocksEngine::~RocksEngine() {
  // Completions may read, and what the readers complete may commit: both answer
  // CANCELLED once stopped.
  if (backups_ != nullptr) backups_->Stop();
  committer_.Stop();
  compactor_.Stop();
  readers_.Stop();
}

template <typename T, typename Read>
void RocksEngine::Answer(First first, Done<absl::StatusOr<T>> done, Read read) {
  if (readers_.MayRunInline()) {
    std::move(done)(*read(rocksdb::kReadAllTier));
    return;
  }
  if (first == First::kCaches) {
    if (MaybeRead<T> result = read(rocksdb::kBlockCacheTier)) {
      std::move(done)(*std::move(result));
      return;
    }
  }
  // The job is moved from only when the pool takes it.
  struct Call {
    Done<absl::StatusOr<T>> done;
    Read read;
  };
  auto call = std::make_unique<Call>(Call{std::move(done), std::move(read)});
  Call* refused = call.get();
  ReaderPool::Job job = [call = std::move(call)](ReaderPool::Turn turn) mutable {
    if (turn == ReaderPool::Turn::kCancelled) {
      std::move(call->done)(absl::CancelledError("the engine is shutting down"));
    } else {
      std::move(call->done)(*call->read(rocksdb::kReadAllTier));
    }
  };
  switch (readers_.Post(job)) {
    case ReaderPool::Posted::kQueued:
      return;
    case ReaderPool::Posted::kFull:
      std::move(refused->done)(OverloadedError("too many reads wait", absl::Seconds(1)));
      return;
    case ReaderPool::Posted::kStopped:
      std::move(refused->done)(absl::CancelledError("the engine is shutting down"));
      return;
  }
}

void RocksEngine::Get(const ShardId& shard, std::string key,
                      Done<absl::StatusOr<std::optional<std::string>>> done) {
  if (absl::Status status = CheckKey(key); !status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  Answer<std::optional<std::string>>(
      First::kCaches, std::move(done),
      [this, shard, key = std::move(key)](rocksdb::ReadTier tier) {
        return ReadEntry(*database_, tier, shard, key);
      });
}

void RocksEngine::Scan(ScanRequest request, Done<absl::StatusOr<ScanPage>> done) {
  if (absl::Status status = CheckScan(request); !status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  const First first =
      request.max_entries <= kInlineScanEntries ? First::kCaches : First::kReaderThread;
  Answer<ScanPage>(first, std::move(done),
                   [reading = std::make_unique<PageReading>(*database_, std::move(request))](
                       rocksdb::ReadTier tier) { return reading->Read(tier); });
}

void RocksEngine::GetVersion(const ShardId& shard, Done<absl::StatusOr<Version>> done) {
  Answer<Version>(First::kCaches, std::move(done), [this, shard](rocksdb::ReadTier tier) {
    return ReadVersion(*database_, tier, shard);
  });
}

void RocksEngine::Commit(CommitRequest request, Done<absl::StatusOr<Version>> done) {
  if (absl::Status status = CheckCommit(request); !status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  committer_.Submit(std::move(request), std::move(done));
}

void RocksEngine::PutChunk(const BodyId& body, uint32_t index, std::string data,
                           Done<absl::Status> done) {
  absl::Status status = CheckChunk(data.size());
  if (status.ok()) status = free_space_.Check();
  if (!status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  free_space_.Spend(data.size());
  // The checksum is made here and now: from now on it guards the data.
  const auto octets = static_cast<uint32_t>(data.size());
  std::string sealed = keys::SealChunk(keys::Chunk(body, index), std::move(data));
  committer_.Submit(BodyChange(ChunkPut{body, index, octets, std::move(sealed)}),
                    std::move(done));
}

void RocksEngine::ReadBody(const BodyId& body, uint64_t offset, size_t length,
                           Done<absl::StatusOr<std::string>> done) {
  if (absl::Status status = CheckRead(length); !status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  Answer<std::string>(First::kCaches, std::move(done),
                      [this, body, offset, length](rocksdb::ReadTier tier) {
                        return ReadBodyRange(*database_, tier, body, offset, length);
                      });
}

void RocksEngine::AddReference(const BodyId& body, const BodyReference& reference,
                               Done<absl::Status> done) {
  committer_.Submit(BodyChange(ReferenceChange{body, reference, /*add=*/true}),
                    std::move(done));
}

void RocksEngine::RemoveReference(const BodyId& body, const BodyReference& reference,
                                  Done<absl::Status> done) {
  committer_.Submit(BodyChange(ReferenceChange{body, reference, /*add=*/false}),
                    std::move(done));
}

void RocksEngine::GetReferences(const BodyId& body,
                                Done<absl::StatusOr<std::vector<BodyReference>>> done) {
  Answer<std::vector<BodyReference>>(
      First::kCaches, std::move(done),
      [this, body](rocksdb::ReadTier tier) { return ReadReferences(*database_, tier, body); });
}

void RocksEngine::EraseBody(const BodyId& body, Done<absl::Status> done) {
  committer_.Submit(BodyChange(BodyErasure{body}), std::move(done));
}

void RocksEngine::ListShards(ShardId::Kind kind, const Id128& after, size_t limit,
                             Done<absl::StatusOr<std::vector<Id128>>> done) {
  if (absl::Status status = CheckLimit(limit); !status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  Answer<std::vector<Id128>>(First::kReaderThread, std::move(done),
                             [this, kind, after, limit](rocksdb::ReadTier tier) {
                               return ReadShardIds(*database_, tier, kind, after, limit);
                             });
}

void RocksEngine::ListBodies(const BodyId& after, size_t limit,
                             Done<absl::StatusOr<std::vector<BodyInfo>>> done) {
  if (absl::Status status = CheckLimit(limit); !status.ok()) {
    std::move(done)(std::move(status));
    return;
  }
  Answer<std::vector<BodyInfo>>(First::kReaderThread, std::move(done),
                                [this, after, limit](rocksdb::ReadTier tier) {
                                  return ReadBodyInfos(*database_, tier, after, limit);
                                });
}

std::map<std::string, double> RocksEngine::Stats() const {
  std::map<std::string, double> stats = committer_.Stats();
  stats.merge(free_space_.Stats());
  stats.merge(compactor_.Stats());
  stats["queued_reads"] = static_cast<double>(readers_.waiting());
  const auto add = [&](const char* name, const std::string& property, bool sum) {
    uint64_t value = 0;
    if (sum ? database_->db().GetAggregatedIntProperty(property, &value)
            : database_->db().GetIntProperty(database_->bodies(), property, &value)) {
      stats[name] = static_cast<double>(value);
    }
  };
  using Property = rocksdb::DB::Properties;
  add("block_cache_octets", Property::kBlockCacheUsage, false);
  add("memtable_octets", Property::kCurSizeAllMemTables, true);
  add("table_files_octets", Property::kTotalSstFilesSize, true);
  add("blob_files_octets", Property::kTotalBlobFileSize, false);
  add("blob_garbage_octets", Property::kLiveBlobFileGarbageSize, false);
  add("background_errors_total", Property::kBackgroundErrors, false);
  add("pending_compaction_octets", Property::kEstimatePendingCompactionBytes, true);
  add("writes_stopped", Property::kIsWriteStopped, false);
  return stats;
}

}  // namespace restante::engine
