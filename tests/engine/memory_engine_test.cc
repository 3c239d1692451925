// What only the engine in memory can do: fail, hold back and crash on request.
#include "storage-service/engine/memory_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "common/errors.h"
#include "tests/engine/engine_harness.h"

namespace restante::engine {
namespace {

using Call = MemoryEngine::Call;
using ::testing::SizeIs;

const absl::Status kFailure = MakeError(v1::ERROR_REASON_STORE_FAILURE, "injected");

TEST(MemoryEngine, TheNthCallOfAKindFailsAndNoOther) {
  MemoryEngine engine;
  Blocking blocking(engine);
  engine.FailNth(Call::kGet, 2, kFailure);
  EXPECT_TRUE(blocking.Get(Mailbox(1), "k").ok());
  EXPECT_TRUE(blocking.GetVersion(Mailbox(1)).ok());
  EXPECT_EQ(blocking.Get(Mailbox(1), "k").status(), kFailure);
  EXPECT_TRUE(blocking.Get(Mailbox(1), "k").ok());
  EXPECT_EQ(engine.calls(Call::kGet), 3u);
}

TEST(MemoryEngine, AFailedCommitChangesNothingUnlessItIsToldTo) {
  MemoryEngine engine;
  Blocking blocking(engine);
  engine.FailNext(Call::kCommit, kFailure);
  EXPECT_EQ(blocking.Commit({.shard = Mailbox(1)}).status(), kFailure);
  EXPECT_EQ(*blocking.GetVersion(Mailbox(1)), 0u);
  engine.FailNext(Call::kCommit, kFailure, MemoryEngine::Effect::kDone);
  EXPECT_EQ(blocking.Commit({.shard = Mailbox(1)}).status(), kFailure);
  EXPECT_EQ(*blocking.GetVersion(Mailbox(1)), 1u);
}

TEST(MemoryEngine, EveryCallOfAKindFailsUntilItIsToldToStop) {
  MemoryEngine engine;
  Blocking blocking(engine);
  engine.FailAll(Call::kPutChunk, kFailure);
  EXPECT_EQ(blocking.PutChunk(IdOf(1), 0, "x"), kFailure);
  EXPECT_EQ(blocking.PutChunk(IdOf(1), 0, "x"), kFailure);
  engine.StopFailing();
  EXPECT_TRUE(blocking.PutChunk(IdOf(1), 0, "x").ok());
}

TEST(MemoryEngine, HeldCommitsAreNotVisibleUntilTheyAreReleasedInOrder) {
  MemoryEngine engine;
  Blocking blocking(engine);
  engine.HoldCommits();
  Pending<absl::StatusOr<Version>> first, second;
  engine.Commit({.shard = Mailbox(1)}, first.done());
  engine.Commit({.shard = Mailbox(1), .expected = 1}, second.done());
  EXPECT_EQ(engine.held_commits(), 2u);
  EXPECT_FALSE(first.complete());
  EXPECT_EQ(*blocking.GetVersion(Mailbox(1)), 0u);
  engine.ReleaseCommits(1);
  EXPECT_EQ(*first.Get(), 1u);
  EXPECT_FALSE(second.complete());
  engine.ReleaseCommits();
  EXPECT_EQ(*second.Get(), 2u);
  EXPECT_TRUE(blocking.Commit({.shard = Mailbox(1), .expected = 2}).ok());
}

TEST(MemoryEngine, ATestCanWaitUntilACommitIsHeld) {
  MemoryEngine engine;
  engine.HoldCommits();
  std::thread other([&] { EXPECT_TRUE(Blocking(engine).Commit({.shard = Mailbox(1)}).ok()); });
  engine.AwaitHeldCommits(1);
  engine.ReleaseCommits();
  other.join();
}

TEST(MemoryEngine, ACrashKeepsWhatACommitMadeDurableAndNothingElse) {
  MemoryEngine engine;
  Blocking blocking(engine);
  EXPECT_TRUE(blocking.PutChunk(IdOf(1), 0, "durable").ok());
  EXPECT_TRUE(blocking.AddReference(IdOf(1), {IdOf(1), 1}).ok());
  EXPECT_TRUE(blocking.Commit({.shard = Mailbox(1), .puts = {{"a", "1"}}}).ok());
  EXPECT_TRUE(blocking.PutChunk(IdOf(2), 0, "volatile").ok());
  EXPECT_TRUE(blocking.AddReference(IdOf(1), {IdOf(1), 2}).ok());
  EXPECT_TRUE(blocking.EraseBody(IdOf(1)).ok());

  std::unique_ptr<MemoryEngine> next = engine.Crash();
  Blocking after(*next);
  EXPECT_GT(next->epoch(), engine.epoch());
  EXPECT_EQ(*after.Get(Mailbox(1), "a"), "1");
  EXPECT_EQ(*after.ReadBody(IdOf(1), 0, 100), "durable");
  EXPECT_THAT(*after.GetReferences(IdOf(1)), SizeIs(1));
  EXPECT_EQ(after.ReadBody(IdOf(2), 0, 100).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::IsCancelled(blocking.Get(Mailbox(1), "a").status()));
}

TEST(MemoryEngine, ACommitMakesDurableOnlyWhatWasSubmittedBeforeIt) {
  MemoryEngine engine;
  Blocking blocking(engine);
  engine.HoldCommits();
  EXPECT_TRUE(blocking.PutChunk(IdOf(1), 0, "before").ok());
  Pending<absl::StatusOr<Version>> commit;
  engine.Commit({.shard = Mailbox(1)}, commit.done());
  EXPECT_TRUE(blocking.PutChunk(IdOf(2), 0, "after").ok());
  engine.ReleaseCommits();
  std::unique_ptr<MemoryEngine> next = engine.Crash();
  Blocking after(*next);
  EXPECT_THAT(*after.ListBodies(Id128{}, 10), SizeIs(1));
}

TEST(MemoryEngine, ACrashLosesCommitsOnTheirWayOrNot) {
  for (const auto in_flight :
       {MemoryEngine::InFlight::kLost, MemoryEngine::InFlight::kDurable}) {
    MemoryEngine engine;
    engine.HoldCommits();
    Pending<absl::StatusOr<Version>> commit;
    engine.Commit({.shard = Mailbox(1)}, commit.done());
    std::unique_ptr<MemoryEngine> next = engine.Crash(in_flight);
    EXPECT_TRUE(absl::IsCancelled(commit.Get().status()));
    EXPECT_EQ(*Blocking(*next).GetVersion(Mailbox(1)),
              in_flight == MemoryEngine::InFlight::kDurable ? 1u : 0u);
  }
}

TEST(MemoryEngine, OnlyABodysLastChunkMayBeShort) {
  MemoryEngine engine;
  Blocking blocking(engine);
  EXPECT_TRUE(blocking.PutChunk(IdOf(1), 0, "short").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(blocking.PutChunk(IdOf(1), 1, "more")));
  EXPECT_TRUE(blocking.PutChunk(IdOf(2), 1, "last").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(blocking.PutChunk(IdOf(2), 0, "short")));
}

TEST(MemoryEngine, CompletesOnAThreadOfItsOwnWhenAsked) {
  MemoryEngine engine({.complete_on_another_thread = true});
  Pending<std::thread::id> thread;
  engine.Get(Mailbox(1), "k", [done = thread.done()](auto) mutable {
    std::move(done)(std::this_thread::get_id());
  });
  EXPECT_NE(thread.Get(), std::this_thread::get_id());
}

TEST(MemoryEngine, HeldCommitsAreCancelledWhenItIsDestroyed) {
  Pending<absl::StatusOr<Version>> commit;
  {
    MemoryEngine engine;
    engine.HoldCommits();
    engine.Commit({.shard = Mailbox(1)}, commit.done());
  }
  EXPECT_TRUE(absl::IsCancelled(commit.Get().status()));
}

}  // namespace
}  // namespace restante::engine
