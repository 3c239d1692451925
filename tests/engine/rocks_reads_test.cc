// Who waits for the disk: never the caller.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/engine/engine_harness.h"

namespace restante::engine {
namespace {

// A disk whose reads can be held up.
class SlowFileSystem : public rocksdb::FileSystemWrapper {
 public:
  SlowFileSystem() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "SlowFileSystem"; }

  void Hold(bool held) {
    absl::MutexLock lock(&mutex_);
    held_ = held;
  }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status =
        FileSystemWrapper::NewRandomAccessFile(name, options, result, context);
    if (status.ok()) *result = std::make_unique<File>(*this, std::move(*result));
    return status;
  }

 private:
  class File : public rocksdb::FSRandomAccessFileOwnerWrapper {
   public:
    File(SlowFileSystem& owner, std::unique_ptr<rocksdb::FSRandomAccessFile> file)
        : rocksdb::FSRandomAccessFileOwnerWrapper(std::move(file)), owner_(owner) {}
    rocksdb::IOStatus Read(uint64_t offset, size_t octets, const rocksdb::IOOptions& options,
                           rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* context) const override {
      owner_.AwaitFree();
      return FSRandomAccessFileOwnerWrapper::Read(offset, octets, options, result, scratch,
                                                  context);
    }
    rocksdb::IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count,
                                const rocksdb::IOOptions& options,
                                rocksdb::IODebugContext* context) override {
      owner_.AwaitFree();
      return FSRandomAccessFileOwnerWrapper::MultiRead(requests, count, options, context);
    }

   private:
    SlowFileSystem& owner_;
  };

  void AwaitFree() const {
    absl::MutexLock lock(&mutex_);
    auto free = [this] {
      mutex_.AssertReaderHeld();
      return !held_;
    };
    mutex_.Await(absl::Condition(&free));
  }

  mutable absl::Mutex mutex_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
};

class RocksReads : public ::testing::Test {
 protected:
  RocksReads() : disk(std::make_shared<SlowFileSystem>()) {
    options.file_system = disk;
    Open();
    Blocking blocking(*engine);
    CommitRequest request{.shard = Mailbox(1)};
    for (int i = 0; i < 500; ++i) request.puts.emplace_back(absl::StrCat("k", 1000 + i), "v");
    EXPECT_TRUE(blocking.PutChunk(IdOf(1), 0, Octets(5000)).ok());
    EXPECT_TRUE(blocking.AddReference(IdOf(1), {IdOf(1), 1}).ok());
    EXPECT_TRUE(blocking.Commit(std::move(request)).ok());
  }

  void Open() {
    engine.reset();
    absl::StatusOr<std::unique_ptr<Engine>> opened =
        RocksEngine::Open(directory.store(), options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine = *std::move(opened);
  }

  // Opening it anew leaves all data in files, and nothing in memory.
  void ForgetWhatIsInMemory() { Open(); }

  TestDirectory directory;
  std::shared_ptr<SlowFileSystem> disk;
  EngineOptions options;
  std::unique_ptr<Engine> engine;
};

TEST_F(RocksReads, NoCallWaitsForASlowDiskOnItsCallersThread) {
  ForgetWhatIsInMemory();
  disk->Hold(true);
  Pending<absl::StatusOr<std::optional<std::string>>> get;
  Pending<absl::StatusOr<ScanPage>> small_scan, large_scan;
  Pending<absl::StatusOr<Version>> version;
  Pending<absl::StatusOr<std::string>> body;
  Pending<absl::StatusOr<std::vector<BodyReference>>> references;
  Pending<absl::StatusOr<std::vector<Id128>>> shards;
  Pending<absl::StatusOr<std::vector<BodyInfo>>> bodies;
  Pending<absl::StatusOr<Version>> commit;
  engine->Get(Mailbox(1), "k1001", get.done());
  engine->Scan({.shard = Mailbox(1), .max_entries = 100}, small_scan.done());
  engine->Scan({.shard = Mailbox(1)}, large_scan.done());
  engine->GetVersion(Mailbox(1), version.done());
  engine->ReadBody(IdOf(1), 0, 5000, body.done());
  engine->GetReferences(IdOf(1), references.done());
  engine->ListShards(ShardId::Kind::kMailbox, Id128{}, 10, shards.done());
  engine->ListBodies(Id128{}, 10, bodies.done());
  engine->Commit({.shard = Mailbox(1), .expected = 1}, commit.done());
  EXPECT_FALSE(get.complete());
  EXPECT_FALSE(small_scan.complete());
  EXPECT_FALSE(large_scan.complete());
  EXPECT_FALSE(body.complete());
  disk->Hold(false);
  EXPECT_EQ(*get.Get(), "v");
  EXPECT_EQ(small_scan.Get()->entries.size(), 100u);
  EXPECT_EQ(large_scan.Get()->entries.size(), 500u);
  EXPECT_TRUE(version.Get().ok());
  EXPECT_EQ(*body.Get(), Octets(5000));
  EXPECT_EQ(references.Get()->size(), 1u);
  EXPECT_EQ(shards.Get()->size(), 1u);
  EXPECT_EQ(bodies.Get()->size(), 1u);
  EXPECT_EQ(*commit.Get(), 2u);
}

TEST_F(RocksReads, WhatIsInMemoryIsAnsweredOnTheCallersThreadAtOnce) {
  const std::thread::id here = std::this_thread::get_id();
  std::vector<std::thread::id> where;
  const auto note = [&](auto) { where.push_back(std::this_thread::get_id()); };
  engine->Get(Mailbox(1), "k1001", note);
  engine->Get(Mailbox(1), "absent", note);
  engine->Get(Mailbox(7), "absent", note);
  engine->Scan({.shard = Mailbox(1), .max_entries = 100}, note);
  engine->GetVersion(Mailbox(1), note);
  engine->ReadBody(IdOf(1), 0, 5000, note);
  engine->GetReferences(IdOf(1), note);
  EXPECT_EQ(where, std::vector<std::thread::id>(7, here));
}

TEST_F(RocksReads, WhatWasReadFromTheDiskOnceIsAnsweredAtOnceTheNextTime) {
  ForgetWhatIsInMemory();
  Blocking blocking(*engine);
  EXPECT_EQ(*blocking.Get(Mailbox(1), "k1001"), "v");
  disk->Hold(true);
  EXPECT_EQ(*blocking.Get(Mailbox(1), "k1001"), "v");
  disk->Hold(false);
}

TEST_F(RocksReads, AScanThatTheCachesHaveInPartSeesOneStateOfTheShard) {
  Blocking blocking(*engine);
  CommitRequest request{.shard = Mailbox(2)};
  std::mt19937 random(1);
  for (int i = 0; i < 100; ++i) {
    std::string value(2000, '\0');  // which no compression brings into one block
    std::generate(value.begin(), value.end(), [&] { return static_cast<char>(random()); });
    request.puts.emplace_back(absl::StrCat("k", 1000 + i), std::move(value));
  }
  const auto written = request.puts;
  ASSERT_TRUE(blocking.Commit(std::move(request)).ok());
  options.reader_threads = 1;
  ForgetWhatIsInMemory();
  Blocking anew(*engine);
  EXPECT_EQ(anew.Scan({.shard = Mailbox(2), .max_entries = 1})->entries.size(), 1u);
  EXPECT_EQ(*anew.GetVersion(Mailbox(2)), 1u);

  // The one reader is busy: what the scan lacks is read only after the commit.
  disk->Hold(true);
  Pending<absl::StatusOr<std::string>> body;
  engine->ReadBody(IdOf(1), 0, 5000, body.done());
  Pending<absl::StatusOr<ScanPage>> scan;
  engine->Scan({.shard = Mailbox(2), .max_entries = 100}, scan.done());
  EXPECT_FALSE(scan.complete());
  EXPECT_TRUE(
      anew.Commit({.shard = Mailbox(2), .expected = 1, .puts = {{"k1000", ""}, {"k1099", ""}}})
          .ok());
  disk->Hold(false);
  EXPECT_TRUE(body.Get().ok());
  const absl::StatusOr<ScanPage>& page = scan.Get();
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(std::vector(written.begin(), written.end()),
            Entries(page->entries.begin(), page->entries.end()));
}

TEST_F(RocksReads, AReadMadeFromAReadersCompletionStaysOnItsThread) {
  ForgetWhatIsInMemory();
  Pending<bool> same;
  auto done = same.done();
  engine->Scan({.shard = Mailbox(1)}, [&](auto) {
    const std::thread::id reader = std::this_thread::get_id();
    engine->Scan({.shard = Mailbox(1)},
                 [&, reader](auto) { std::move(done)(reader == std::this_thread::get_id()); });
  });
  EXPECT_TRUE(same.Get());
}

TEST_F(RocksReads, ReadsBeyondTheQueueAreRefused) {
  options.queued_reads = 2;
  ForgetWhatIsInMemory();
  disk->Hold(true);
  std::vector<Pending<absl::StatusOr<ScanPage>>> scans(20);
  for (auto& scan : scans) engine->Scan({.shard = Mailbox(1)}, scan.done());
  // Two threads, two places in the queue.
  size_t refused = 0;
  for (auto& scan : scans) refused += scan.complete() && !scan.Get().ok() ? 1 : 0;
  EXPECT_GE(refused, 16u);
  disk->Hold(false);
  for (auto& scan : scans) {
    EXPECT_TRUE(scan.Get().ok() || absl::IsResourceExhausted(scan.Get().status()));
  }
}

}  // namespace
}  // namespace restante::engine
