// The directory that a store lives in, checked before RocksDB touches it:
//
//   FORMAT  the format's name and version, in one line of text
//   LOCK    locked by the process that has the store open, whose pid it holds
//   db/     RocksDB's
//   RECOVERED  commits may be missing; see recovery.h
//
// It answers "is this ours, do we understand it, and are we alone?".
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "rocksdb/env.h"

namespace restante::engine {

class StoreDirectory {
 public:
  // The version of everything below: keys, values, column families.
  static constexpr int kFormatVersion = 1;

  // What FORMAT says, without its line's end.
  static std::string FormatLine();
  // Makes what is in a directory a store of this version, durably.
  static absl::Status WriteFormat(const std::string& path, rocksdb::Env* env);

  enum class IfMissing { kCreate, kFail };

  // Locks the directory for this object's life. FAILED_PRECONDITION: another
  // process has it, it holds something else, or its format is unknown; NOT_FOUND:
  // there is no store, and kFail.
  static absl::StatusOr<StoreDirectory> Open(const std::string& path, rocksdb::Env* env,
                                             IfMissing if_missing);

  StoreDirectory(StoreDirectory&& other) noexcept;
  StoreDirectory& operator=(StoreDirectory&&) = delete;
  ~StoreDirectory();

  const std::string& path() const { return path_; }
  std::string database_path() const { return path_ + "/db"; }
  // False when RocksDB's files are yet to be made.
  bool has_database() const { return has_database_; }

 private:
  StoreDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  absl::Status Check(rocksdb::Env* env, IfMissing if_missing);

  std::string path_;
  int lock_;
  bool has_database_ = false;
};

}  // namespace restante::engine
