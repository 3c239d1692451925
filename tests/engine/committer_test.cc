// How writes share an fsync, how the queue is bounded, and what a write that
// fails takes with it.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/errors.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/engine/engine_harness.h"
#include "tests/engine/watched_log_file_system.h"

namespace restante::engine {
namespace {

using Committed = Pending<absl::StatusOr<Version>>;
using Written = Pending<absl::Status>;

class CommitterTest : public ::testing::Test {
 protected:
  CommitterTest() : log(std::make_shared<WatchedLogFileSystem>()) {
    options.file_system = log;
    options.resume_interval = absl::ZeroDuration();
  }

  void Open() {
    absl::StatusOr<std::unique_ptr<Engine>> opened =
        RocksEngine::Open(directory.store(), options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine = *std::move(opened);
  }

  // From here on what is submitted waits behind one commit that is in its sync.
  void HoldTheWriter() {
    log->Hold();
    engine->Commit({.shard = Mailbox(999)}, first.done());
    log->AwaitHeldSync();
  }

  Blocking blocking() { return Blocking(*engine); }

  TestDirectory directory;
  std::shared_ptr<WatchedLogFileSystem> log;
  EngineOptions options;
  Committed first;
  std::unique_ptr<Engine> engine;
};

TEST_F(CommitterTest, CommitsThatWaitShareOneSync) {
  Open();
  HoldTheWriter();
  const size_t before = log->syncs();
  std::vector<Committed> commits(100);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < commits.size(); i += 4) {
        engine->Commit({.shard = Mailbox(i + 1), .puts = {{"k", "v"}}}, commits[i].done());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  log->Release();
  for (Committed& commit : commits) EXPECT_TRUE(commit.Get().ok());
  EXPECT_EQ(log->syncs(), before + 1);
  EXPECT_EQ(engine->Stats()["largest_batch_commits"], 100);
}

TEST_F(CommitterTest, CommitsOfOneMailboxShareOneSync) {
  Open();
  HoldTheWriter();
  const size_t before = log->syncs();
  std::vector<Committed> commits(50);
  for (size_t i = 0; i < commits.size(); ++i) {
    engine->Commit({.shard = Mailbox(1), .expected = i}, commits[i].done());
  }
  log->Release();
  EXPECT_EQ(*commits.back().Get(), 50u);
  EXPECT_EQ(log->syncs(), before + 1);
}

TEST_F(CommitterTest, ChunksAndReferencesSyncNothingUntilACommitDoes) {
  Open();
  const size_t before = log->syncs();
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_TRUE(blocking().PutChunk(IdOf(1), i, Octets(Engine::kChunkOctets)).ok());
  }
  EXPECT_TRUE(blocking().AddReference(IdOf(1), {IdOf(2), 3}).ok());
  EXPECT_EQ(log->syncs(), before);
  EXPECT_TRUE(blocking().Commit({.shard = Mailbox(1)}).ok());
  EXPECT_EQ(log->syncs(), before + 1);
}

TEST_F(CommitterTest, AChainWhoseFirstCommitIsWrongFailsAsAWhole) {
  Open();
  HoldTheWriter();
  std::vector<Committed> chain(5);
  Committed other;
  for (size_t i = 0; i < chain.size(); ++i) {
    engine->Commit({.shard = Mailbox(1), .expected = 3 + i, .puts = {{"k", "v"}}},
                   chain[i].done());
  }
  engine->Commit({.shard = Mailbox(2)}, other.done());
  log->Release();
  for (Committed& commit : chain) {
    EXPECT_EQ(commit.Get().status().code(), absl::StatusCode::kAborted);
  }
  EXPECT_TRUE(other.Get().ok());
  EXPECT_EQ(*blocking().GetVersion(Mailbox(1)), 0u);
}

TEST_F(CommitterTest, VersionsAreRightWhenTheCacheIsSmallerThanABatch) {
  options.cached_versions = 2;
  Open();
  for (Version round = 0; round < 3; ++round) {
    std::vector<Committed> commits(20);
    for (size_t i = 0; i < commits.size(); ++i) {
      engine->Commit({.shard = Mailbox(i % 10 + 1), .expected = 2 * round + i / 10},
                     commits[i].done());
    }
    for (Committed& commit : commits) EXPECT_TRUE(commit.Get().ok()) << commit.Get().status();
  }
}

TEST_F(CommitterTest, CommitsBeyondTheQueueAreRefusedWithATimeToComeBack) {
  options.queue_octets = 100'000;
  Open();
  HoldTheWriter();
  std::vector<Committed> commits(20);
  for (size_t i = 0; i < commits.size(); ++i) {
    engine->Commit({.shard = Mailbox(i + 1), .puts = {{"k", std::string(10'000, 'v')}}},
                   commits[i].done());
  }
  size_t refused = 0;
  for (Committed& commit : commits) {
    if (!commit.complete()) continue;
    ++refused;
    EXPECT_EQ(ReasonOf(commit.Get().status()), v1::ERROR_REASON_OVERLOADED);
    EXPECT_TRUE(RetryAfterOf(commit.Get().status()).has_value());
  }
  EXPECT_EQ(refused, 11u);
  log->Release();
  size_t accepted = 0;
  for (Committed& commit : commits) accepted += commit.Get().ok() ? 1 : 0;
  EXPECT_EQ(accepted, 9u);
  EXPECT_TRUE(blocking().Commit({.shard = Mailbox(50)}).ok());
}

TEST_F(CommitterTest, TheNumberOfWaitingCommitsIsBoundedToo) {
  options.queue_commits = 3;
  Open();
  HoldTheWriter();
  std::vector<Committed> commits(5);
  for (size_t i = 0; i < commits.size(); ++i) {
    engine->Commit({.shard = Mailbox(i + 1)}, commits[i].done());
  }
  EXPECT_FALSE(commits[2].complete());
  EXPECT_TRUE(commits[3].complete());
  EXPECT_TRUE(commits[4].complete());
  log->Release();
  EXPECT_TRUE(commits[2].Get().ok());
}

TEST_F(CommitterTest, ACommitLargerThanTheQueueIsTakenWhenNothingWaits) {
  options.queue_octets = 1000;
  Open();
  EXPECT_TRUE(blocking()
                  .Commit({.shard = Mailbox(1), .puts = {{"k", std::string(1 << 20, 'v')}}})
                  .ok());
}

TEST_F(CommitterTest, AChunkIsNotRefusedButCompletesOnlyWhenItIsWritten) {
  options.queue_octets = 1000;
  Open();
  HoldTheWriter();
  std::vector<Written> chunks(10);
  for (uint32_t i = 0; i < chunks.size(); ++i) {
    engine->PutChunk(IdOf(1), i, Octets(Engine::kChunkOctets), chunks[i].done());
  }
  for (Written& chunk : chunks) EXPECT_FALSE(chunk.complete());
  log->Release();
  for (Written& chunk : chunks) EXPECT_TRUE(chunk.Get().ok());
}

TEST_F(CommitterTest, AFullDiskFailsWhatWaitedAndLaterCommitsSucceedOnceThereIsRoom) {
  Open();
  EXPECT_TRUE(blocking().Commit({.shard = Mailbox(1), .puts = {{"a", "1"}}}).ok());
  HoldTheWriter();
  Committed next, on_next;
  Written chunk;
  engine->PutChunk(IdOf(1), 0, "data", chunk.done());
  engine->Commit({.shard = Mailbox(1), .expected = 1}, next.done());
  engine->Commit({.shard = Mailbox(1), .expected = 2}, on_next.done());
  log->Fail(rocksdb::IOStatus::NoSpace("no room"));
  log->Release();
  for (Committed* commit : {&first, &next, &on_next}) {
    EXPECT_EQ(ReasonOf(commit->Get().status()), v1::ERROR_REASON_STORE_FULL)
        << commit->Get().status();
  }
  EXPECT_EQ(ReasonOf(chunk.Get()), v1::ERROR_REASON_STORE_FULL);
  EXPECT_EQ(ReasonOf(blocking().Commit({.shard = Mailbox(1), .expected = 1}).status()),
            v1::ERROR_REASON_STORE_FULL);
  EXPECT_EQ(*blocking().Get(Mailbox(1), "a"), "1");

  log->Fail(rocksdb::IOStatus::OK());
  absl::StatusOr<Version> version = blocking().Commit({.shard = Mailbox(1), .expected = 1});
  if (!version.ok()) {
    // Submitted before the last failure was told to everybody; the next is not.
    EXPECT_EQ(version.status().code(), absl::StatusCode::kUnavailable);
    version = blocking().Commit({.shard = Mailbox(1), .expected = 1});
  }
  EXPECT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(engine->Stats()["failed_writes_total"], 1);
}

TEST_F(CommitterTest, AFailingDiskIsUnavailableAndTheStoreIsWholeWhenItIsOpenedAgain) {
  Open();
  EXPECT_TRUE(blocking().Commit({.shard = Mailbox(1), .puts = {{"a", "1"}}}).ok());
  log->Fail(rocksdb::IOStatus::IOError("the disk is broken"));
  absl::StatusOr<Version> failed = blocking().Commit({.shard = Mailbox(1), .expected = 1});
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable) << failed.status();
  EXPECT_EQ(ReasonOf(failed.status()), v1::ERROR_REASON_STORE_FAILURE);
  EXPECT_EQ(*blocking().Get(Mailbox(1), "a"), "1");
  engine.reset();
  log->Fail(rocksdb::IOStatus::OK());
  Open();
  const Version version = *blocking().GetVersion(Mailbox(1));
  EXPECT_TRUE(version == 1 || version == 2) << version;
  EXPECT_TRUE(blocking().Commit({.shard = Mailbox(1), .expected = version}).ok());
}

TEST_F(CommitterTest, EveryCallIsCompleteWhenTheEngineIsGone) {
  Open();
  constexpr size_t kCalls = 500;
  std::atomic<size_t> completed{0};
  Engine& closing = *engine;  // a unique_ptr is empty while it deletes
  for (size_t i = 0; i < kCalls; ++i) {
    engine->Commit({.shard = Mailbox(i + 1)}, [&](absl::StatusOr<Version> result) {
      EXPECT_TRUE(result.ok() || absl::IsCancelled(result.status())) << result.status();
      // A completion that goes on working is told that it can't.
      closing.PutChunk(IdOf(1), 0, "x", [&](absl::Status) { ++completed; });
    });
    engine->ListBodies(Id128{}, 10, [&](auto) { ++completed; });
  }
  engine.reset();
  EXPECT_EQ(completed, 2 * kCalls);
}

}  // namespace
}  // namespace restante::engine
