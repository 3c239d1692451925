#include "storage-service/engine/database.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/engine/key_codec.h"
#include "storage-service/engine/ordered_logs.h"
#include "storage-service/engine/rocks_options.h"
#include "storage-service/engine/rocks_status.h"
#include "storage-service/engine/wal_inspection.h"

namespace restante::engine {
namespace {

constexpr char kEpochKey[] = "epoch";

// Why RocksDB would not open, with the place of the defect where it is in a log.
absl::Status OpenFailure(const rocksdb::Status& status, const std::string& path,
                         const std::string& database_path, rocksdb::Env* env) {
  const std::string what = absl::StrCat("cannot open the store in ", path);
  if (!status.IsCorruption()) return FromRocks(status, what);
  const absl::StatusOr<std::vector<WalFile>> logs = InspectWals(database_path, env);
  if (logs.ok()) {
    for (const WalFile& log : *logs) {
      if (!log.defect.has_value()) continue;
      return MakeError(
          v1::ERROR_REASON_CORRUPT,
          absl::StrCat(what, ": the write-ahead log ", log.path, " is damaged at offset ",
                       log.defect->offset, " of ", log.octets, " (", log.defect->what,
                       "). After a power loss this may be a write that nobody was told of. "
                       "\"restantectl recover\" opens the store up to there and says what it "
                       "drops. RocksDB: ",
                       status.ToString()));
    }
  }
  return FromRocks(status, what);
}

}  // namespace

Database::Database(std::string path, std::optional<StoreDirectory> directory,
                   std::shared_ptr<rocksdb::Env> env)
    : path_(std::move(path)),
      directory_(std::move(directory)),
      env_(std::move(env)),
      background_errors_(std::make_shared<BackgroundErrors>()) {}

Database::~Database() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const EngineOptions& options,
                                                         Recovery recovery) {
  std::shared_ptr<rocksdb::Env> own_env =
      rocksdb::NewCompositeEnv(std::make_shared<OrderedLogs>(
          options.file_system != nullptr ? options.file_system
                                         : rocksdb::FileSystem::Default()));
  rocksdb::Env* env = own_env.get();

  absl::StatusOr<StoreDirectory> directory = StoreDirectory::Open(
      path, env,
      recovery == Recovery::kRefuseDamage ? StoreDirectory::IfMissing::kCreate
                                          : StoreDirectory::IfMissing::kFail);
  if (!directory.ok()) return directory.status();

  rocksdb::DBOptions database_options =
      MakeDatabaseOptions(options, env,
                          recovery == Recovery::kRefuseDamage
                              ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                              : rocksdb::WALRecoveryMode::kPointInTimeRecovery);
  // Creation may have been interrupted between two column families.
  database_options.create_if_missing = !directory->has_database();
  database_options.create_missing_column_families = true;

  const std::string database_path = directory->database_path();
  std::unique_ptr<Database> database(
      new Database(path, *std::move(directory), std::move(own_env)));
  database_options.listeners.push_back(database->background_errors_);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(
      database_options, database_path, MakeFamilies(options), &database->families_, &db);
  if (!status.ok()) return OpenFailure(status, path, database_path, env);
  database->db_.reset(db);
  database->TakeFamilies();
  if (absl::Status counted = database->CountOpening(); !counted.ok()) return counted;
  return database;
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenReadOnly(
    const std::string& database_path, std::shared_ptr<rocksdb::Env> env,
    const EngineOptions& options) {
  std::unique_ptr<Database> database(new Database(database_path, std::nullopt, env));
  const rocksdb::DBOptions database_options = MakeDatabaseOptions(
      options, env.get(), rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(
      database_options, database_path, MakeFamilies(options), &database->families_, &db);
  if (!status.ok()) return FromRocks(status, absl::StrCat("cannot open ", database_path));
  database->db_.reset(db);
  database->TakeFamilies();
  return database;
}

void Database::TakeFamilies() {
  engine_ = families_[0];
  state_ = families_[1];
  messages_ = families_[2];
  bodies_ = families_[3];
}

// Flushed as well as logged: a recovery that drops the end of a log must not
// bring an epoch back that was given out.
absl::Status Database::CountOpening() {
  std::string value;
  rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), engine_, kEpochKey, &value);
  if (status.ok()) {
    const std::optional<uint64_t> epoch = keys::DecodeNumber(value);
    if (!epoch.has_value()) {
      return MakeError(v1::ERROR_REASON_CORRUPT, "the store's epoch is no number");
    }
    epoch_ = *epoch;
  } else if (!status.IsNotFound()) {
    return FromRocks(status, "cannot read the store's epoch");
  }
  ++epoch_;
  rocksdb::WriteOptions write;
  write.sync = true;
  status = db_->Put(write, engine_, kEpochKey, keys::EncodeNumber(epoch_));
  if (status.ok()) status = db_->Flush(rocksdb::FlushOptions(), engine_);
  return FromRocks(status, "cannot write the store's epoch");
}

}  // namespace restante::engine
