#include "storage-service/engine/ordered_logs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/engine/engine_harness.h"
#include "tests/engine/forgetful_file_system.h"
#include "tests/engine/watched_log_file_system.h"

namespace restante::engine {
namespace {

using rocksdb::FSWritableFile;
using rocksdb::IOStatus;
using FilePtr = std::unique_ptr<FSWritableFile>;

class OrderedLogsTest : public testing::Test {
 protected:
  OrderedLogsTest() { std::filesystem::create_directories(directory_.store()); }

  std::string PathOf(const std::string& name) const {
    return absl::StrCat(directory_.store(), "/", name);
  }

  FilePtr Make(OrderedLogs& logs, const std::string& name) const {
    FilePtr file;
    const IOStatus made = logs.NewWritableFile(PathOf(name), {}, &file, nullptr);
    EXPECT_TRUE(made.ok()) << made.ToString();
    return file;
  }

  static void Append(FilePtr& file, const std::string& octets) {
    EXPECT_TRUE(file->Append(octets, {}, nullptr).ok());
  }

  std::string Read(const std::string& name) const {
    std::ifstream file(PathOf(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  TestDirectory directory_;
};

TEST_F(OrderedLogsTest, ALogIsDurableBeforeAnythingIsInTheNext) {
  auto disk = std::make_shared<ForgetfulFileSystem>();
  OrderedLogs logs(disk);
  FilePtr first = Make(logs, "000001.log");
  Append(first, "body");
  FilePtr second = Make(logs, "000002.log");
  Append(second, "row");
  disk->Freeze();
  disk->LoseUnsynced(0);
  EXPECT_EQ(Read("000001.log"), "body");
  EXPECT_EQ(Read("000002.log"), "");
}

TEST_F(OrderedLogsTest, TheDirectoryEntryOfALogThatIsSyncedIsDurableToo) {
  auto disk = std::make_shared<ForgetfulFileSystem>();
  OrderedLogs logs(disk);
  FilePtr first = Make(logs, "000001.log");
  Append(first, "body");
  EXPECT_TRUE(first->Sync({}, nullptr).ok());
  FilePtr second = Make(logs, "000002.log");
  Append(second, "row");
  disk->Freeze();
  disk->LoseUnsynced(0);
  EXPECT_EQ(Read("000001.log"), "body");
}

TEST_F(OrderedLogsTest, NothingIsWrittenWhileTheLogBeforeCantBeSynced) {
  auto disk = std::make_shared<WatchedLogFileSystem>();
  OrderedLogs logs(disk);
  FilePtr first = Make(logs, "000001.log");
  Append(first, "body");
  disk->Fail(IOStatus::IOError("no disk"));
  FilePtr second = Make(logs, "000002.log");
  EXPECT_TRUE(second->Append("row", {}, nullptr).IsIOError());
  EXPECT_EQ(second->GetFileSize({}, nullptr), 0u);
  disk->Fail(IOStatus::OK());
  Append(second, "row");
}

// RocksDB syncs old logs from two threads, and aborts when it meets one whose sync has failed.
TEST_F(OrderedLogsTest, ALogThatHasAYoungerOneCantFailToBeSyncedAnyMore) {
  auto disk = std::make_shared<WatchedLogFileSystem>();
  OrderedLogs logs(disk);
  FilePtr first = Make(logs, "000001.log");
  Append(first, "body");
  FilePtr second = Make(logs, "000002.log");
  Append(second, "row");
  disk->Fail(IOStatus::IOError("no disk"));
  EXPECT_TRUE(first->Sync({}, nullptr).ok());
  EXPECT_TRUE(first->Fsync({}, nullptr).ok());
  EXPECT_TRUE(second->Sync({}, nullptr).IsIOError());
  EXPECT_TRUE(second->Sync({}, nullptr).IsIOError())
      << "it isn't durable for having been tried";
  disk->Fail(IOStatus::OK());
  EXPECT_TRUE(second->Sync({}, nullptr).ok());
}

TEST_F(OrderedLogsTest, OnlyWhatNeedsItIsSynced) {
  auto disk = std::make_shared<WatchedLogFileSystem>();
  OrderedLogs logs(disk);
  FilePtr empty = Make(logs, "000001.log");
  FilePtr synced = Make(logs, "000002.log");
  Append(synced, "row");
  EXPECT_TRUE(synced->Sync({}, nullptr).ok());
  FilePtr gone = Make(logs, "000003.log");
  Append(gone, "body of a log that is flushed by now");
  gone.reset();
  FilePtr last = Make(logs, "000004.log");
  Append(last, "body");
  Append(last, "body");
  FilePtr table = Make(logs, "000005.sst");
  Append(table, "table");
  EXPECT_EQ(disk->syncs(), 1u);
}

// Counts the logs that are written to while the one before isn't synced to its end.
class CountsDisorder : public rocksdb::FileSystemWrapper {
 public:
  CountsDisorder() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "CountsDisorder"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           FilePtr* result, rocksdb::IODebugContext* context) override {
    const IOStatus status = FileSystemWrapper::NewWritableFile(name, options, result, context);
    if (!status.ok() || !absl::EndsWith(name, ".log")) return status;
    *result = std::make_unique<Log>(*this, std::move(*result));
    return status;
  }

  int logs() const {
    absl::MutexLock lock(&mutex_);
    return logs_;
  }
  int disorder() const {
    absl::MutexLock lock(&mutex_);
    return disorder_;
  }

 private:
  class Log : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    Log(CountsDisorder& owner, FilePtr file)
        : rocksdb::FSWritableFileOwnerWrapper(std::move(file)), owner_(owner) {}
    using rocksdb::FSWritableFileOwnerWrapper::Append;
    IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                    rocksdb::IODebugContext* context) override {
      owner_.NoteAppend(std::exchange(fresh_, false));
      return FSWritableFileOwnerWrapper::Append(data, options, context);
    }
    IOStatus Sync(const rocksdb::IOOptions& options,
                  rocksdb::IODebugContext* context) override {
      owner_.NoteSync();
      return FSWritableFileOwnerWrapper::Sync(options, context);
    }

   private:
    CountsDisorder& owner_;
    bool fresh_ = true;
  };

  void NoteAppend(bool first) {
    absl::MutexLock lock(&mutex_);
    logs_ += first;
    disorder_ += first && unsynced_;
    unsynced_ = true;
  }
  void NoteSync() {
    absl::MutexLock lock(&mutex_);
    unsynced_ = false;
  }

  mutable absl::Mutex mutex_;
  int logs_ ABSL_GUARDED_BY(mutex_) = 0;
  int disorder_ ABSL_GUARDED_BY(mutex_) = 0;
  bool unsynced_ ABSL_GUARDED_BY(mutex_) = false;
};

// Bodies fill log after log, and no commit comes that would sync them.
TEST_F(OrderedLogsTest, TheStoreKeepsTheOrder) {
  auto disk = std::make_shared<CountsDisorder>();
  EngineOptions options;
  options.write_buffer_octets = 512 * 1024;
  options.file_system = disk;
  absl::StatusOr<std::unique_ptr<Engine>> engine =
      RocksEngine::Open(directory_.store(), options);
  ASSERT_TRUE(engine.ok()) << engine.status();
  Blocking blocking(**engine);
  const int logs_before = disk->logs();
  for (int body = 1; disk->logs() < logs_before + 3; ++body) {
    ASSERT_LT(body, 1000);
    ASSERT_TRUE(blocking.PutChunk(IdOf(body), 0, std::string(50'000, 'x')).ok());
  }
  EXPECT_EQ(disk->disorder(), 0);
}

}  // namespace
}  // namespace restante::engine
