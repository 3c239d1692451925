// A directory of backups, as plain functions on the calling thread: for the service,
// which makes them, and for restantectl, which restores from them without a service.
//
// RocksDB's BackupEngine keeps them. One process writes to a directory at a time; others
// may read it meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/engine/backups.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/engine.h"
#include "storage-service/engine/engine_options.h"

namespace rocksdb {
class BackupEngine;
}

namespace restante::engine {

// Ends a backup that is being made, from another thread: it fails soon.
class BackupInterrupt {
 public:
  void Interrupt() ABSL_LOCKS_EXCLUDED(mutex_);

  // For CreateBackup. False: it is to end before it begins. Null: it is over.
  bool Run(rocksdb::BackupEngine* running) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  bool interrupted_ ABSL_GUARDED_BY(mutex_) = false;
  rocksdb::BackupEngine* running_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

// Makes the directory if it is absent.
absl::StatusOr<BackupInfo> CreateBackup(const Database& database, const std::string& directory,
                                        BackupInterrupt* interrupt);

// NOT_FOUND: there is no directory of backups.
absl::StatusOr<std::vector<BackupInfo>> ListBackups(const std::string& directory);

// NOT_FOUND says what there is.
absl::StatusOr<BackupInfo> FindBackup(const std::string& directory, const BackupChoice& choice);

// Reads all files of one and compares their checksums. CORRUPT names the file;
// NOT_FOUND: there is no such backup.
absl::Status VerifyBackup(const std::string& directory, uint32_t id);

absl::StatusOr<uint64_t> PruneBackups(const std::string& directory, uint32_t keep);

// A store in a directory that is absent or empty, every file's checksum compared. Its next
// opening gives all mailboxes new UIDVALIDITYs: which UIDs were given out since the backup
// nobody knows. What is cut short leaves a directory that isn't taken for a store.
absl::Status RestoreBackup(const std::string& directory, uint32_t id, const std::string& to);

// Without copying anything. `options` say how much memory it may use.
absl::StatusOr<std::unique_ptr<Engine>> OpenBackup(const std::string& directory, uint32_t id,
                                                   EngineOptions options);

}  // namespace restante::engine
