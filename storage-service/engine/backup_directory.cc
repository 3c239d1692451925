#include "storage-service/engine/backup_directory.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "rocksdb/env.h"
#include "rocksdb/utilities/backup_engine.h"
#include "storage-service/engine/recovery.h"
#include "storage-service/engine/rocks_engine.h"
#include "storage-service/engine/rocks_status.h"
#include "storage-service/engine/store_directory.h"

namespace restante::engine {
namespace {

absl::Status NoSuchBackup(const std::string& directory, absl::string_view which) {
  return absl::NotFoundError(absl::StrCat("there is no ", which, " in ", directory));
}

bool HasBackups(const std::string& directory) {
  std::error_code error;
  return std::filesystem::is_directory(directory + "/meta", error);
}

BackupInfo InfoOf(const rocksdb::BackupInfo& backup) {
  return {backup.backup_id, absl::FromUnixSeconds(backup.timestamp), backup.size,
          backup.number_files};
}

absl::Status OpenToWrite(const std::string& directory,
                         std::unique_ptr<rocksdb::BackupEngine>* backups) {
  rocksdb::BackupEngine* opened = nullptr;
  const rocksdb::Status status = rocksdb::BackupEngine::Open(
      rocksdb::BackupEngineOptions(directory), rocksdb::Env::Default(), &opened);
  backups->reset(opened);
  return FromRocks(status, absl::StrCat("cannot open the backups in ", directory));
}

absl::Status OpenToRead(const std::string& directory,
                        std::unique_ptr<rocksdb::BackupEngineReadOnly>* backups) {
  if (!HasBackups(directory)) return NoSuchBackup(directory, "backup");
  rocksdb::BackupEngineReadOnly* opened = nullptr;
  const rocksdb::Status status = rocksdb::BackupEngineReadOnly::Open(
      rocksdb::BackupEngineOptions(directory), rocksdb::Env::Default(), &opened);
  backups->reset(opened);
  return FromRocks(status, absl::StrCat("cannot open the backups in ", directory));
}

// With the files and the place to open it at.
absl::StatusOr<rocksdb::BackupInfo> Describe(const rocksdb::BackupEngineReadOnly& backups,
                                             const std::string& directory, uint32_t id) {
  rocksdb::BackupInfo info;
  const rocksdb::Status status =
      backups.GetBackupInfo(id, &info, /*include_file_details=*/true);
  if (status.IsNotFound()) return NoSuchBackup(directory, absl::StrCat("backup ", id));
  if (!status.ok()) return FromRocks(status, absl::StrCat("cannot read backup ", id));
  if (info.app_metadata != StoreDirectory::FormatLine()) {
    return absl::FailedPreconditionError(
        absl::StrCat("backup ", id, " in ", directory, " is of \"", info.app_metadata,
                     "\"; this program reads \"", StoreDirectory::FormatLine(), "\""));
  }
  return info;
}

absl::Status CheckEmpty(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) {
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
      return absl::FailedPreconditionError(absl::StrCat(directory, " isn't empty: it has ",
                                                        entry.path().filename().string(),
                                                        "; name an empty directory"));
    }
  }
  if (!error) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_STORE_FAILURE,
                   absl::StrCat("cannot use ", directory, ": ", error.message()));
}

}  // namespace

void BackupInterrupt::Interrupt() {
  absl::MutexLock lock(&mutex_);
  interrupted_ = true;
  if (running_ != nullptr) running_->StopBackup();
}

bool BackupInterrupt::Run(rocksdb::BackupEngine* running) {
  absl::MutexLock lock(&mutex_);
  running_ = running;
  return !interrupted_;
}

absl::StatusOr<BackupInfo> CreateBackup(const Database& database, const std::string& directory,
                                        BackupInterrupt* interrupt) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return MakeError(v1::ERROR_REASON_STORE_FAILURE,
                     absl::StrCat("cannot make ", directory, ": ", error.message()));
  }
  std::unique_ptr<rocksdb::BackupEngine> backups;
  if (absl::Status opened = OpenToWrite(directory, &backups); !opened.ok()) return opened;
  // Logs can't be shared between backups: so they should be short. What is written
  // meanwhile is in them, for all families up to the same write.
  rocksdb::Status status = database.db().Flush(
      rocksdb::FlushOptions(), {database.shards(ShardId::Kind::kService),
                                database.shards(ShardId::Kind::kMailbox), database.bodies()});
  rocksdb::CreateBackupOptions options;
  options.decrease_background_thread_cpu_priority = true;
  options.background_thread_cpu_priority = rocksdb::CpuPriority::kLow;
  rocksdb::BackupID id = 0;
  if (!interrupt->Run(backups.get())) return absl::CancelledError("interrupted");
  if (status.ok()) {
    status = backups->CreateNewBackupWithMetadata(options, &database.db(),
                                                  StoreDirectory::FormatLine(), &id);
  }
  interrupt->Run(nullptr);
  rocksdb::BackupInfo info;
  if (status.ok()) status = backups->GetBackupInfo(id, &info);
  if (!status.ok()) return FromRocks(status, absl::StrCat("cannot back up to ", directory));
  return InfoOf(info);
}

absl::StatusOr<std::vector<BackupInfo>> ListBackups(const std::string& directory) {
  std::unique_ptr<rocksdb::BackupEngineReadOnly> backups;
  if (absl::Status opened = OpenToRead(directory, &backups); !opened.ok()) return opened;
  std::vector<rocksdb::BackupInfo> found;
  backups->GetBackupInfo(&found);
  std::vector<BackupInfo> infos;
  for (const rocksdb::BackupInfo& backup : found) infos.push_back(InfoOf(backup));
  std::sort(infos.begin(), infos.end(),
            [](const BackupInfo& a, const BackupInfo& b) { return a.id < b.id; });
  return infos;
}

absl::StatusOr<BackupInfo> FindBackup(const std::string& directory,
                                      const BackupChoice& choice) {
  const absl::StatusOr<std::vector<BackupInfo>> backups = ListBackups(directory);
  if (!backups.ok()) return backups.status();
  for (auto backup = backups->rbegin(); backup != backups->rend(); ++backup) {
    if (choice.id && *choice.id != backup->id) continue;
    if (choice.before && backup->taken > *choice.before) continue;
    return *backup;
  }
  if (backups->empty()) return NoSuchBackup(directory, "backup");
  return NoSuchBackup(
      directory,
      absl::StrCat(
          choice.id ? absl::StrCat("backup ", *choice.id) : "backup that old", "; there are ",
          backups->front().id, " (",
          absl::FormatTime(absl::RFC3339_sec, backups->front().taken, absl::UTCTimeZone()),
          ") to ", backups->back().id));
}

absl::Status VerifyBackup(const std::string& directory, uint32_t id) {
  std::unique_ptr<rocksdb::BackupEngineReadOnly> backups;
  if (absl::Status opened = OpenToRead(directory, &backups); !opened.ok()) return opened;
  absl::StatusOr<rocksdb::BackupInfo> info = Describe(*backups, directory, id);
  if (!info.ok()) return info.status();
  return FromRocks(backups->VerifyBackup(id, /*verify_with_checksum=*/true),
                   absl::StrCat("backup ", id, " in ", directory, " is damaged"));
}

absl::StatusOr<uint64_t> PruneBackups(const std::string& directory, uint32_t keep) {
  if (!HasBackups(directory)) return NoSuchBackup(directory, "backup");
  std::unique_ptr<rocksdb::BackupEngine> backups;
  if (absl::Status opened = OpenToWrite(directory, &backups); !opened.ok()) return opened;
  std::vector<rocksdb::BackupInfo> before;
  backups->GetBackupInfo(&before);
  const rocksdb::Status status = backups->PurgeOldBackups(keep);
  if (!status.ok()) return FromRocks(status, "cannot remove old backups");
  std::vector<rocksdb::BackupInfo> after;
  backups->GetBackupInfo(&after);
  return before.size() - after.size();
}

absl::Status RestoreBackup(const std::string& directory, uint32_t id, const std::string& to) {
  std::unique_ptr<rocksdb::BackupEngineReadOnly> backups;
  if (absl::Status opened = OpenToRead(directory, &backups); !opened.ok()) return opened;
  absl::StatusOr<rocksdb::BackupInfo> info = Describe(*backups, directory, id);
  if (!info.ok()) return info.status();
  if (absl::Status empty = CheckEmpty(to); !empty.ok()) return empty;
  rocksdb::Env* const env = rocksdb::Env::Default();
  if (absl::Status noted = NoteRecovery(to, env); !noted.ok()) return noted;
  const rocksdb::Status restored =
      backups->RestoreDBFromBackup(id, to + "/db", to + "/db", rocksdb::RestoreOptions());
  if (!restored.ok()) {
    return FromRocks(restored, absl::StrCat("cannot restore backup ", id, " to ", to));
  }
  // Last: only now it is a store.
  return StoreDirectory::WriteFormat(to, env);
}

absl::StatusOr<std::unique_ptr<Engine>> OpenBackup(const std::string& directory, uint32_t id,
                                                   EngineOptions options) {
  std::unique_ptr<rocksdb::BackupEngineReadOnly> backups;
  if (absl::Status opened = OpenToRead(directory, &backups); !opened.ok()) return opened;
  absl::StatusOr<rocksdb::BackupInfo> info = Describe(*backups, directory, id);
  if (!info.ok()) return info.status();
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::OpenReadOnly(info->name_for_open, info->env_for_open, options);
  if (!database.ok()) return database.status();
  // Nothing is written, so nothing is compacted, and there is no room to be kept.
  options.reserve_octets = 0;
  options.compaction_interval = absl::InfiniteDuration();
  options.backup_directory.clear();
  return RocksEngine::Over(*std::move(database), options);
}

}  // namespace restante::engine
