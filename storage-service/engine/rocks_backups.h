// The backups of a running engine: backup_directory.h on a thread of its own.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/engine/backup_directory.h"
#include "storage-service/engine/backups.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/engine_options.h"

namespace restante::engine {

class RocksBackups : public Backups {
 public:
  // `database` outlives this.
  RocksBackups(const Database& database, const EngineOptions& options);
  ~RocksBackups() override { Stop(); }

  // What waits completes with CANCELLED; a backup under way is given up.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  void Create(Done<absl::StatusOr<BackupInfo>> done) override;
  void List(Done<absl::StatusOr<std::vector<BackupInfo>>> done) override;
  void Prune(uint32_t keep, Done<absl::StatusOr<uint64_t>> done) override;
  void Open(BackupChoice choice, Done<absl::StatusOr<Opened>> done) override;
  void Close(std::unique_ptr<Engine> backup) override;

 private:
  using Job = absl::AnyInvocable<void(bool cancelled) &&>;

  template <typename T, typename Work>
  void Post(Done<T> done, Work work);
  void Run();

  const Database& database_;
  const EngineOptions options_;
  const std::string directory_;
  BackupInterrupt interrupt_;

  absl::Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace restante::engine
