// A file system that watches RocksDB's write-ahead log: counts its syncs, holds
// them back until a test lets them go, and makes them fail.
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"

namespace restante::engine {

class WatchedLogFileSystem : public rocksdb::FileSystemWrapper {
 public:
  WatchedLogFileSystem() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "WatchedLogFileSystem"; }

  size_t syncs() const {
    absl::MutexLock lock(&mutex_);
    return syncs_;
  }

  // From now on a sync of the log blocks until Release.
  void Hold() {
    absl::MutexLock lock(&mutex_);
    held_ = true;
  }
  void Release() {
    absl::MutexLock lock(&mutex_);
    held_ = false;
  }
  // Blocks until a sync is held.
  void AwaitHeldSync() const {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&waiting_));
  }

  // What every sync of the log reports from now on; OK: it works again.
  void Fail(rocksdb::IOStatus status) {
    absl::MutexLock lock(&mutex_);
    failure_ = std::move(status);
  }

  rocksdb::IOStatus NewWritableFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override {
    const rocksdb::IOStatus status =
        FileSystemWrapper::NewWritableFile(name, options, result, context);
    if (status.ok() && absl::EndsWith(name, ".log")) {
      *result = std::make_unique<Log>(*this, std::move(*result));
    }
    return status;
  }

 private:
  class Log : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    Log(WatchedLogFileSystem& owner, std::unique_ptr<rocksdb::FSWritableFile> file)
        : rocksdb::FSWritableFileOwnerWrapper(std::move(file)), owner_(owner) {}
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
      const rocksdb::IOStatus status = owner_.BeforeSync();
      return status.ok() ? FSWritableFileOwnerWrapper::Sync(options, context) : status;
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* context) override {
      return Sync(options, context);
    }

   private:
    WatchedLogFileSystem& owner_;
  };

  rocksdb::IOStatus BeforeSync() {
    absl::MutexLock lock(&mutex_);
    ++syncs_;
    auto free = [this] {
      mutex_.AssertReaderHeld();
      return !held_;
    };
    waiting_ = held_;
    mutex_.Await(absl::Condition(&free));
    waiting_ = false;
    return failure_;
  }

  mutable absl::Mutex mutex_;
  size_t syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  rocksdb::IOStatus failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::engine
