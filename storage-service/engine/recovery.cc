#include "storage-service/engine/recovery.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "rocksdb/env.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/rocks_status.h"
#include "storage-service/engine/store_directory.h"
#include "storage-service/engine/wal_inspection.h"

namespace restante::engine {
namespace {

constexpr char kMark[] = "/RECOVERED";

// What RocksDB's point-in-time recovery leaves out: the rest of the damaged log,
// and each later one unless it goes on with the very next sequence number.
std::vector<RecoveryReport::Dropped> WhatIsBehind(const std::vector<WalFile>& logs) {
  std::vector<RecoveryReport::Dropped> dropped;
  bool damaged = false;
  uint64_t next_sequence = 0;
  for (const WalFile& log : logs) {
    if (damaged && log.first_sequence != 0) {
      if (log.first_sequence == next_sequence) {
        damaged = false;
      } else {
        dropped.push_back({log.path, 0, log.octets, "it follows a damaged log", ""});
        continue;
      }
    }
    if (log.next_sequence != 0) next_sequence = log.next_sequence;
    if (log.defect.has_value()) {
      dropped.push_back({log.path, log.defect->offset, log.octets - log.defect->offset,
                         log.defect->what, ""});
      damaged = true;
    } else if (log.unfinished.has_value()) {
      dropped.push_back({log.path, *log.unfinished, log.octets - *log.unfinished,
                         "its last write is unfinished", ""});
      damaged = true;
    }
  }
  return dropped;
}

}  // namespace

absl::Status NoteRecovery(const std::string& path, rocksdb::Env* env) {
  std::unique_ptr<rocksdb::Directory> directory;
  rocksdb::Status status = rocksdb::WriteStringToFile(env, "commits may be missing\n",
                                                      path + kMark, /*should_sync=*/true);
  if (status.ok()) status = env->NewDirectory(path, &directory);
  if (status.ok()) status = directory->Fsync();
  return FromRocks(status, absl::StrCat("cannot write ", path, kMark));
}

bool WasRecovered(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path + kMark, error);
}

absl::Status ForgetRecovery(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path + kMark, error);
  if (!error) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_STORE_FAILURE,
                   absl::StrCat("cannot remove ", path, kMark, ": ", error.message()));
}

absl::StatusOr<RecoveryReport> RecoverToLastGoodPoint(const std::string& path,
                                                      const EngineOptions& options) {
  std::unique_ptr<rocksdb::Env> own_env;
  if (options.file_system != nullptr) own_env = rocksdb::NewCompositeEnv(options.file_system);
  rocksdb::Env* env = own_env != nullptr ? own_env.get() : rocksdb::Env::Default();

  RecoveryReport report;
  {
    absl::StatusOr<StoreDirectory> directory =
        StoreDirectory::Open(path, env, StoreDirectory::IfMissing::kFail);
    if (!directory.ok()) return directory.status();
    absl::StatusOr<std::vector<WalFile>> logs = InspectWals(directory->database_path(), env);
    if (!logs.ok()) return logs.status();
    report.dropped = WhatIsBehind(*logs);
    if (!report.dropped.empty()) {
      if (absl::Status noted = NoteRecovery(path, env); !noted.ok()) return noted;
    }
    for (RecoveryReport::Dropped& part : report.dropped) {
      part.copy =
          absl::StrCat(path, "/damaged-", std::filesystem::path(part.file).filename().string());
      std::error_code error;
      std::filesystem::copy_file(part.file, part.copy,
                                 std::filesystem::copy_options::overwrite_existing, error);
      if (error) {
        return MakeError(
            v1::ERROR_REASON_STORE_FAILURE,
            absl::StrCat("cannot keep a copy of ", part.file, ": ", error.message()));
      }
    }
  }
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(path, options, Database::Recovery::kToLastGoodPoint);
  if (!database.ok()) return database.status();
  return report;
}

}  // namespace restante::engine
