// RocksDB opened as this engine uses it: its options, its column families, and
// the count of how often it was opened.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "rocksdb/db.h"
#include "storage-service/engine/background_errors.h"
#include "storage-service/engine/engine.h"
#include "storage-service/engine/engine_options.h"
#include "storage-service/engine/store_directory.h"

namespace restante::engine {

class Database {
 public:
  enum class Recovery {
    kRefuseDamage,     // only a torn last record may be missing
    kToLastGoodPoint,  // drop what is behind the first defect
  };

  // Creates the store if there is none, unless it is to be recovered.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const EngineOptions& options,
                                                        Recovery recovery);
  // Somebody else's files, such as a backup's: nothing is written, and no lock taken.
  static absl::StatusOr<std::unique_ptr<Database>> OpenReadOnly(
      const std::string& database_path, std::shared_ptr<rocksdb::Env> env,
      const EngineOptions& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() const { return *db_; }
  // Where a shard's keys are.
  rocksdb::ColumnFamilyHandle* shards(ShardId::Kind kind) const {
    return kind == ShardId::Kind::kMailbox ? messages_ : state_;
  }
  rocksdb::ColumnFamilyHandle* bodies() const { return bodies_; }
  BackgroundErrors& background_errors() const { return *background_errors_; }
  rocksdb::Env* env() const { return db_->GetEnv(); }
  // Of the store, or of what is open instead.
  const std::string& path() const { return path_; }
  uint64_t epoch() const { return epoch_; }

 private:
  Database(std::string path, std::optional<StoreDirectory> directory,
           std::shared_ptr<rocksdb::Env> env);

  void TakeFamilies();
  absl::Status CountOpening();

  // In this order: RocksDB goes first, then its environment, then the lock.
  const std::string path_;
  std::optional<StoreDirectory> directory_;
  const std::shared_ptr<rocksdb::Env> env_;
  std::shared_ptr<BackgroundErrors> background_errors_;  // with RocksDB
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;  // destroyed through db_
  rocksdb::ColumnFamilyHandle* engine_ = nullptr;       // RocksDB's "default"
  rocksdb::ColumnFamilyHandle* state_ = nullptr;
  rocksdb::ColumnFamilyHandle* messages_ = nullptr;
  rocksdb::ColumnFamilyHandle* bodies_ = nullptr;
  uint64_t epoch_ = 0;
};

}  // namespace restante::engine
