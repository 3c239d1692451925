// A file system on a disk of so many octets: what doesn't fit any more is an error, and
// it tells how much is free. Files of before aren't counted.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"

namespace restante::engine {

class SmallDiskFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit SmallDiskFileSystem(uint64_t octets)
      : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()), octets_(octets) {}

  const char* Name() const override { return "SmallDiskFileSystem"; }

  // Others put this much onto the disk, or nothing any more.
  void SetBallast(uint64_t octets) {
    absl::MutexLock lock(&mutex_);
    ballast_ = octets;
  }
  uint64_t used() const {
    absl::MutexLock lock(&mutex_);
    return Used();
  }
  // Blocks until it was asked this often more how much is free.
  void AwaitQuestions(uint64_t count) const {
    absl::MutexLock lock(&mutex_);
    const uint64_t end = questions_ + count;
    auto asked = [this, end] {
      mutex_.AssertReaderHeld();
      return questions_ >= end;
    };
    mutex_.Await(absl::Condition(&asked));
  }

  rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&, uint64_t* free,
                                 rocksdb::IODebugContext*) override {
    absl::MutexLock lock(&mutex_);
    ++questions_;
    const uint64_t used = Used();
    *free = used < octets_ ? octets_ - used : 0;
    return rocksdb::IOStatus::OK();
  }

  rocksdb::IOStatus NewWritableFile(const std::string& name,
                                    const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override {
    const rocksdb::IOStatus status =
        FileSystemWrapper::NewWritableFile(name, options, result, context);
    if (!status.ok()) return status;
    absl::MutexLock lock(&mutex_);
    files_[name] = 0;
    *result = std::make_unique<File>(*this, name, std::move(*result));
    return status;
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
    const rocksdb::IOStatus status = FileSystemWrapper::RenameFile(from, to, options, context);
    absl::MutexLock lock(&mutex_);
    if (auto file = files_.extract(from); status.ok() && !file.empty()) {
      files_[to] = file.mapped();
    }
    return status;
  }
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
    const rocksdb::IOStatus status = FileSystemWrapper::DeleteFile(name, options, context);
    absl::MutexLock lock(&mutex_);
    if (status.ok()) files_.erase(name);
    return status;
  }

 private:
  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(SmallDiskFileSystem& owner, std::string name,
         std::unique_ptr<rocksdb::FSWritableFile> file)
        : rocksdb::FSWritableFileOwnerWrapper(std::move(file)),
          owner_(owner),
          name_(std::move(name)) {}
    using rocksdb::FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* context) override {
      const rocksdb::IOStatus status = owner_.Take(name_, data.size());
      return status.ok() ? FSWritableFileOwnerWrapper::Append(data, options, context) : status;
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* context) override {
      return Append(data, options, context);
    }

   private:
    SmallDiskFileSystem& owner_;
    const std::string name_;
  };

  rocksdb::IOStatus Take(const std::string& name, uint64_t octets) {
    absl::MutexLock lock(&mutex_);
    if (Used() + octets > octets_) return rocksdb::IOStatus::NoSpace("no room for", name);
    files_[name] += octets;
    return rocksdb::IOStatus::OK();
  }
  uint64_t Used() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    uint64_t used = ballast_;
    for (const auto& [name, octets] : files_) used += octets;
    return used;
  }

  const uint64_t octets_;
  mutable absl::Mutex mutex_;
  uint64_t ballast_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t questions_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, uint64_t> files_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::engine
