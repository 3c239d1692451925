#include "storage-service/engine/ordered_logs.h"

#include <atomic>
#include <utility>

#include "absl/strings/match.h"

namespace restante::engine {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

}  // namespace

// Knows whether all that was written is synced. RocksDB appends from one thread at a
// time, and may sync from another.
class OrderedLogs::Log : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Log(OrderedLogs& owner, std::string directory, std::unique_ptr<rocksdb::FSWritableFile> file)
      : rocksdb::FSWritableFileOwnerWrapper(std::move(file)),
        owner_(owner),
        directory_(std::move(directory)) {}

  ~Log() override {
    absl::MutexLock lock(&owner_.mutex_);
    owner_.open_.remove(this);
  }

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* context) override {
    IOStatus status = BeforeAppend(context);
    if (!status.ok()) return status;
    status = FSWritableFileOwnerWrapper::Append(data, options, context);
    ++appends_;
    return status;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* context) override {
    IOStatus status = BeforeAppend(context);
    if (!status.ok()) return status;
    status = FSWritableFileOwnerWrapper::Append(data, options, verification, context);
    ++appends_;
    return status;
  }

  // Nothing to do for what is durable. It is more than a saving: RocksDB has two threads
  // that sync a log which isn't the youngest, a commit's and a flush's, and aborts when one
  // does after it has failed for the other. Here it can't fail, for it was made durable
  // before the youngest had anything in it.
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    const uint64_t covered = appends_;
    if (synced_ == covered) return IOStatus::OK();
    const IOStatus status = FSWritableFileOwnerWrapper::Sync(options, context);
    if (status.ok()) synced_ = covered;
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    const uint64_t covered = appends_;
    if (synced_ == covered) return IOStatus::OK();
    const IOStatus status = FSWritableFileOwnerWrapper::Fsync(options, context);
    if (status.ok()) synced_ = covered;
    return status;
  }

  // Of a log that has a younger one: it isn't appended to any more. Under owner_'s mutex.
  IOStatus MakeDurable(IODebugContext* context) {
    if (durable_ || appends_ == 0) return IOStatus::OK();
    IOStatus status;
    status = Sync(IOOptions(), context);
    // RocksDB syncs the directory too, but after the log.
    std::unique_ptr<rocksdb::FSDirectory> entries;
    if (status.ok()) {
      status = owner_.target()->NewDirectory(directory_, IOOptions(), &entries, context);
    }
    if (status.ok()) status = entries->Fsync(IOOptions(), context);
    durable_ = status.ok();
    return status;
  }

 private:
  IOStatus BeforeAppend(IODebugContext* context) {
    if (!in_order_) {
      const IOStatus status = owner_.MakeDurableBefore(*this, context);
      if (!status.ok()) return status;
      in_order_ = true;
    }
    return IOStatus::OK();
  }

  OrderedLogs& owner_;
  const std::string directory_;
  bool in_order_ = false;  // of the appending thread
  bool durable_ = false;
  std::atomic<uint64_t> appends_ = 0;  // that are over
  // So many of them are durable, if not more.
  std::atomic<uint64_t> synced_ = 0;
};

IOStatus OrderedLogs::NewWritableFile(const std::string& name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      IODebugContext* context) {
  if (!absl::EndsWith(name, ".log")) {
    return FileSystemWrapper::NewWritableFile(name, options, result, context);
  }
  const IOStatus status = FileSystemWrapper::NewWritableFile(name, options, result, context);
  if (!status.ok()) return status;
  auto log = std::make_unique<Log>(*this, name.substr(0, name.rfind('/')), std::move(*result));
  absl::MutexLock lock(&mutex_);
  open_.push_back(log.get());
  *result = std::move(log);
  return status;
}

IOStatus OrderedLogs::MakeDurableBefore(const Log& log, IODebugContext* context) {
  absl::MutexLock lock(&mutex_);
  for (Log* const older : open_) {
    if (older == &log) break;
    const IOStatus status = older->MakeDurable(context);
    if (!status.ok()) return status;
  }
  return IOStatus::OK();
}

}  // namespace restante::engine
