#include "storage-service/engine/rocks_backups.h"

#include <utility>

namespace restante::engine {
namespace {

// Of a backup that is being read.
constexpr size_t kCacheOctets = size_t{8} << 20;

}  // namespace

RocksBackups::RocksBackups(const Database& database, const EngineOptions& options)
    : database_(database), options_(options), directory_(options.backup_directory) {
  thread_ = std::thread([this] { Run(); });
}

void RocksBackups::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  interrupt_.Interrupt();
  if (thread_.joinable()) thread_.join();
}

template <typename T, typename Work>
void RocksBackups::Post(Done<T> done, Work work) {
  Job job = [done = std::move(done), work = std::move(work)](bool cancelled) mutable {
    if (cancelled) {
      std::move(done)(T(absl::CancelledError("the engine is shutting down")));
    } else {
      std::move(done)(work());
    }
  };
  {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      jobs_.push_back(std::move(job));
      return;
    }
  }
  std::move(job)(/*cancelled=*/true);
}

void RocksBackups::Create(Done<absl::StatusOr<BackupInfo>> done) {
  Post(std::move(done), [this] { return CreateBackup(database_, directory_, &interrupt_); });
}

void RocksBackups::List(Done<absl::StatusOr<std::vector<BackupInfo>>> done) {
  Post(std::move(done), [this] { return ListBackups(directory_); });
}

void RocksBackups::Prune(uint32_t keep, Done<absl::StatusOr<uint64_t>> done) {
  Post(std::move(done), [this, keep] { return PruneBackups(directory_, keep); });
}

void RocksBackups::Open(BackupChoice choice, Done<absl::StatusOr<Opened>> done) {
  Post(std::move(done), [this, choice]() -> absl::StatusOr<Opened> {
    absl::StatusOr<BackupInfo> info = FindBackup(directory_, choice);
    if (!info.ok()) return info.status();
    EngineOptions options = options_;
    options.block_cache_octets = kCacheOctets;
    absl::StatusOr<std::unique_ptr<Engine>> engine = OpenBackup(directory_, info->id, options);
    if (!engine.ok()) return engine.status();
    return Opened{*info, *std::move(engine)};
  });
}

// Its last answer may have been given on a thread that its end waits for.
void RocksBackups::Close(std::unique_ptr<Engine> backup) {
  Job job = [backup = std::move(backup)](bool) mutable { backup.reset(); };
  absl::MutexLock lock(&mutex_);
  jobs_.push_back(std::move(job));
}

void RocksBackups::Run() {
  auto ready = [this] {
    mutex_.AssertReaderHeld();
    return stopped_ || !jobs_.empty();
  };
  while (true) {
    Job job;
    bool cancelled = false;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&ready));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      cancelled = stopped_;
    }
    std::move(job)(cancelled);
  }
}

}  // namespace restante::engine
