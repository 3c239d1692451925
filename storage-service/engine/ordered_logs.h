// A file system on which nothing is written to a write-ahead log before all older logs
// are durable, their directory entries included.
//
// RocksDB begins a new log whenever a memtable is full, and syncs those before it only
// with the next synced commit, after that commit is in the new log. Bodies are written
// without a sync, a row with one: when the power fails in between, the disk may have
// the new log with the row, and not the end of the old one with the body. RocksDB
// replays both and doesn't notice what is missing. With this order there are no such
// gaps. It costs one fsync for each log, which is tens of megabytes.
//
// Thread-safe, as RocksDB's file systems are.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"

namespace restante::engine {

class OrderedLogs : public rocksdb::FileSystemWrapper {
 public:
  explicit OrderedLogs(const std::shared_ptr<rocksdb::FileSystem>& base)
      : rocksdb::FileSystemWrapper(base) {}

  const char* Name() const override { return "OrderedLogs"; }

  // A name that ends in ".log" is a log's. Its first append fails when an older one can't
  // be synced: like any write to a log that fails, it is one from which RocksDB resumes.
  rocksdb::IOStatus NewWritableFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Log;

  rocksdb::IOStatus MakeDurableBefore(const Log& log, rocksdb::IODebugContext* context)
      ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex mutex_;
  // Those that RocksDB has open, the oldest first. It closes one that it still needs only
  // when that is synced, or with the whole database.
  std::list<Log*> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::engine
