#include "storage-service/engine/compactor.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/log.h"
#include "rocksdb/db.h"
#include "rocksdb/metadata.h"
#include "storage-service/engine/rocks_status.h"

namespace restante::engine {
namespace {

using Property = rocksdb::DB::Properties;

// Less than this isn't worth a compaction, whatever its share.
constexpr uint64_t kLeastGarbage = 256 << 10;
// A step moves bodies until this part of all garbage is dealt with.
constexpr uint64_t kPartOfGarbage = 8;
// While the disk is full, what remains is worth every effort.
constexpr double kShareWhenFull = 0.01;
// While mail is being deleted, garbage may grow as fast as it goes.
constexpr int kStepsWithoutGain = 3;
constexpr absl::Duration kLongestPause = absl::Seconds(30);

uint64_t ValueOf(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                 const std::string& property) {
  uint64_t value = 0;
  db.GetIntProperty(family, property, &value);
  return value;
}

uint64_t SumOf(rocksdb::DB& db, const std::string& property) {
  uint64_t value = 0;
  db.GetAggregatedIntProperty(property, &value);
  return value;
}

std::vector<rocksdb::BlobMetaData> BlobFilesByAge(const Database& database) {
  rocksdb::ColumnFamilyMetaData family;
  database.db().GetColumnFamilyMetaData(database.bodies(), &family);
  std::sort(
      family.blob_files.begin(), family.blob_files.end(),
      [](const auto& a, const auto& b) { return a.blob_file_number < b.blob_file_number; });
  return std::move(family.blob_files);
}

}  // namespace

bool Compactor::Measure::TooMuch(double share) const {
  return garbage >= kLeastGarbage &&
         static_cast<double>(garbage) > share * static_cast<double>(octets);
}

Compactor::Compactor(const Database& database, const FreeSpace& space,
                     const EngineOptions& options)
    : database_(database), space_(space), options_(options) {
  thread_ = std::thread([this] { Run(); });
}

void Compactor::Purge(Done<absl::Status> done) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      purges_.push_back(std::move(done));
      return;
    }
  }
  std::move(done)(absl::CancelledError("the engine is shutting down"));
}

void Compactor::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Compactor::Run() {
  erased_ += ErasedBefore();
  auto wanted = [this] {
    mutex_.AssertReaderHeld();
    return stopped_ || !purges_.empty();
  };
  while (!stopping_) {
    std::vector<Done<absl::Status>> purges;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&wanted), options_.compaction_interval);
      purges.swap(purges_);
    }
    absl::Status status = absl::OkStatus();
    if (!stopping_) status = purges.empty() ? Tidy() : PurgeAll();
    if (stopping_) {
      // What RocksDB says of a compaction that it was told to stop is no failure.
      status = absl::CancelledError("the engine is shutting down");
    } else if (!status.ok()) {
      LogWarning("engine", "CompactionFailed", {{"error", status}});
      absl::MutexLock lock(&mutex_);
      ++counters_.failures;
    }
    for (Done<absl::Status>& done : purges) std::move(done)(status);
  }
  std::vector<Done<absl::Status>> left;
  {
    absl::MutexLock lock(&mutex_);
    left.swap(purges_);
  }
  for (Done<absl::Status>& done : left) {
    std::move(done)(absl::CancelledError("the engine is shutting down"));
  }
}

// What the opening before has erased, and RocksDB hasn't dropped yet.
uint64_t Compactor::ErasedBefore() const {
  rocksdb::TablePropertiesCollection tables;
  if (!database_.db().GetPropertiesOfAllTables(database_.bodies(), &tables).ok()) return 0;
  uint64_t deletions = 0;
  uint64_t puts = 1;
  for (const auto& [name, table] : tables) {
    deletions += table->num_deletions;
    puts += table->num_entries - table->num_deletions;
  }
  const uint64_t octets =
      ValueOf(database_.db(), database_.bodies(), Property::kLiveBlobFileSize);
  return octets / puts * std::min(deletions, puts);
}

Compactor::Measure Compactor::Look() const {
  rocksdb::DB& db = database_.db();
  Measure measure;
  measure.octets = ValueOf(db, database_.bodies(), Property::kLiveBlobFileSize) +
                   SumOf(db, Property::kTotalSstFilesSize) +
                   SumOf(db, Property::kCurSizeAllMemTables);
  measure.garbage =
      ValueOf(db, database_.bodies(), Property::kLiveBlobFileGarbageSize) + erased_;
  return measure;
}

absl::Status Compactor::Tidy() {
  absl::Status status = FlushIfLogsAreLarge();
  if (!status.ok()) return status;
  const bool full = !space_.Check().ok();
  const double share = full ? kShareWhenFull : options_.garbage_share;
  const Measure before = Look();
  if (!before.TooMuch(share)) return absl::OkStatus();

  const absl::Time begin = absl::Now();
  {
    absl::MutexLock lock(&mutex_);
    counters_.running = true;
  }
  status = DropKeys(/*all_levels=*/false);
  if (status.ok()) status = MoveBodiesUntil(share, /*pause=*/!full);
  const Measure after = Look();
  const uint64_t returned = before.octets > after.octets ? before.octets - after.octets : 0;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  {
    absl::MutexLock lock(&mutex_);
    ++counters_.runs;
    counters_.running = false;
    counters_.returned_octets += returned;
    counters_.seconds += seconds;
    counters_.last = absl::Now();
  }
  if (status.ok()) {
    LogInfo("engine", "Compacted",
            {{"octets_before", before.octets},
             {"octets_after", after.octets},
             {"garbage_before", before.garbage},
             {"garbage_after", after.garbage},
             {"seconds", absl::StrCat(seconds)}});
  }
  return status;
}

absl::Status Compactor::PurgeAll() {
  absl::Status status = DropKeys(/*all_levels=*/true);
  if (status.ok()) status = MoveBodiesUntil(/*share=*/0, /*pause=*/false);
  return status;
}

absl::Status Compactor::FlushAll() {
  return FromRocks(
      database_.db().Flush(rocksdb::FlushOptions(),
                           {database_.shards(ShardId::Kind::kService),
                            database_.shards(ShardId::Kind::kMailbox), database_.bodies()}),
      "cannot flush");
}

// A family whose memtable fills slowly keeps logs whose bodies are in files long since.
absl::Status Compactor::FlushIfLogsAreLarge() {
  rocksdb::VectorLogPtr logs;
  const rocksdb::Status listed = database_.db().GetSortedWalFiles(logs);
  if (!listed.ok()) return FromRocks(listed, "cannot list the logs");
  uint64_t octets = 0;
  for (const auto& log : logs) octets += log->SizeFileBytes();
  const uint64_t needed = SumOf(database_.db(), Property::kCurSizeAllMemTables);
  if (octets <= needed + options_.write_buffer_octets / 4) return absl::OkStatus();
  return FlushAll();
}

absl::Status Compactor::DropKeys(bool all_levels) {
  const uint64_t erased = erased_;
  if (absl::Status flushed = FlushAll(); !flushed.ok()) return flushed;
  rocksdb::CompactRangeOptions keys;
  keys.exclusive_manual_compaction = false;
  keys.canceled = &stopping_;
  keys.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kDisable;
  if (all_levels) {
    keys.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  }
  for (rocksdb::ColumnFamilyHandle* family :
       {database_.shards(ShardId::Kind::kService), database_.shards(ShardId::Kind::kMailbox),
        database_.bodies()}) {
    const rocksdb::Status status = database_.db().CompactRange(keys, family, nullptr, nullptr);
    if (!status.ok()) return FromRocks(status, "cannot compact");
  }
  erased_ -= erased;
  return absl::OkStatus();
}

absl::Status Compactor::MoveBodiesUntil(double share, bool pause) {
  int without_gain = 0;
  while (!stopping_ && without_gain < kStepsWithoutGain) {
    Measure before = Look();
    // What was erased meanwhile is dealt with the next time.
    before.garbage -= std::min(before.garbage, erased_.load());
    if (share > 0 && !before.TooMuch(share)) break;
    const absl::Time begin = absl::Now();
    const absl::StatusOr<bool> moved = MoveBodies();
    if (!moved.ok()) return moved.status();
    if (!*moved) break;
    const uint64_t garbage =
        ValueOf(database_.db(), database_.bodies(), Property::kLiveBlobFileGarbageSize);
    without_gain = garbage < before.garbage ? 0 : without_gain + 1;
    if (pause) Pause(std::min(absl::Now() - begin, kLongestPause));
  }
  return stopping_ ? absl::CancelledError("the engine is shutting down") : absl::OkStatus();
}

absl::StatusOr<bool> Compactor::MoveBodies() {
  const std::vector<rocksdb::BlobMetaData> files = BlobFilesByAge(database_);
  uint64_t garbage = 0;
  for (const rocksdb::BlobMetaData& file : files) garbage += file.garbage_blob_bytes;
  if (garbage == 0) return false;
  // Each step reads and writes all keys too: it has to be worth it.
  const uint64_t most =
      std::max(options_.compaction_step_octets,
               4 * ValueOf(database_.db(), database_.bodies(), Property::kTotalSstFilesSize));
  const uint64_t part = (garbage + kPartOfGarbage - 1) / kPartOfGarbage;
  size_t count = 0;
  uint64_t dealt_with = 0;
  uint64_t live = 0;
  while (count < files.size() && dealt_with < part) {
    live += files[count].total_blob_bytes - files[count].garbage_blob_bytes;
    // One that has garbage is among them, or the step would be for nothing.
    if (live > most && dealt_with > 0) break;
    dealt_with += files[count].garbage_blob_bytes;
    ++count;
  }
  rocksdb::CompactRangeOptions bodies;
  bodies.exclusive_manual_compaction = false;
  bodies.canceled = &stopping_;
  bodies.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  bodies.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  // The share of all files, by number; RocksDB rounds down.
  bodies.blob_garbage_collection_age_cutoff =
      count == files.size()
          ? 1.0
          : (static_cast<double>(count) + 0.5) / static_cast<double>(files.size());
  const rocksdb::Status status =
      database_.db().CompactRange(bodies, database_.bodies(), nullptr, nullptr);
  if (!status.ok()) return FromRocks(status, "cannot compact");
  absl::MutexLock lock(&mutex_);
  ++counters_.steps;
  return true;
}

void Compactor::Pause(absl::Duration how_long) {
  auto over = [this] {
    mutex_.AssertReaderHeld();
    return stopped_ || !purges_.empty();
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&over), how_long);
}

std::map<std::string, double> Compactor::Stats() const {
  const Measure now = Look();
  absl::MutexLock lock(&mutex_);
  return {
      {"compaction_backlog_octets", static_cast<double>(now.garbage)},
      {"compaction_failures_total", static_cast<double>(counters_.failures)},
      {"compaction_last_unix_seconds",
       absl::ToDoubleSeconds(counters_.last - absl::UnixEpoch())},
      {"compaction_returned_octets_total", static_cast<double>(counters_.returned_octets)},
      {"compaction_running", counters_.running ? 1 : 0},
      {"compaction_runs_total", static_cast<double>(counters_.runs)},
      {"compaction_seconds_total", counters_.seconds},
      {"compaction_steps_total", static_cast<double>(counters_.steps)},
      {"store_octets", static_cast<double>(now.octets)},
  };
}

}  // namespace restante::engine
