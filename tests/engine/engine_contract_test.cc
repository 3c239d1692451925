// The sentences of engine.h, for every engine there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/engine/memory_engine.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/engine/engine_harness.h"

namespace restante::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

enum class Kind { kMemory, kMemoryOnAnotherThread, kRocks };

class EngineContract : public ::testing::TestWithParam<Kind> {
 protected:
  EngineContract() { Open(); }

  void Open() {
    if (GetParam() == Kind::kRocks) {
      absl::StatusOr<std::unique_ptr<Engine>> opened = RocksEngine::Open(directory_.store());
      ASSERT_TRUE(opened.ok()) << opened.status();
      engine_ = *std::move(opened);
    } else {
      engine_ = std::make_unique<MemoryEngine>(MemoryEngine::Options{
          .complete_on_another_thread = GetParam() == Kind::kMemoryOnAnotherThread});
    }
    engine = std::make_unique<Blocking>(*engine_);
  }

  // Closes the engine, and opens what was durable.
  void Reopen() {
    if (GetParam() == Kind::kRocks) {
      engine_.reset();
      Open();
    } else {
      engine_ = static_cast<MemoryEngine&>(*engine_).Crash();
      engine = std::make_unique<Blocking>(*engine_);
    }
  }

  Version MustCommit(CommitRequest request) {
    absl::StatusOr<Version> version = engine->Commit(std::move(request));
    EXPECT_TRUE(version.ok()) << version.status();
    return version.value_or(0);
  }

  Entries All(const ShardId& shard) {
    absl::StatusOr<ScanPage> page = engine->Scan({.shard = shard});
    EXPECT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->next, "");
    return Entries(page->entries.begin(), page->entries.end());
  }

  TestDirectory directory_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Blocking> engine;
};

INSTANTIATE_TEST_SUITE_P(Engines, EngineContract,
                         ::testing::Values(Kind::kMemory, Kind::kMemoryOnAnotherThread,
                                           Kind::kRocks),
                         [](const auto& info) {
                           switch (info.param) {
                             case Kind::kMemory:
                               return "Memory";
                             case Kind::kMemoryOnAnotherThread:
                               return "MemoryOnAnotherThread";
                             case Kind::kRocks:
                               return "Rocks";
                           }
                           return "";
                         });

TEST_P(EngineContract, AShardThatWasNeverCommittedToIsEmptyAtVersionZero) {
  EXPECT_EQ(*engine->GetVersion(Mailbox(1)), 0u);
  EXPECT_EQ(*engine->Get(Mailbox(1), "key"), std::nullopt);
  EXPECT_THAT(All(Mailbox(1)), IsEmpty());
}

TEST_P(EngineContract, ACommitAppliesAllItsPutsAndDeletes) {
  EXPECT_EQ(MustCommit({.shard = Mailbox(1), .puts = {{"a", "1"}, {"b", "2"}, {"c", "3"}}}),
            1u);
  EXPECT_EQ(MustCommit({.shard = Mailbox(1),
                        .expected = 1,
                        .puts = {{"a", "one"}, {"d", ""}},
                        .deletes = {"b", "absent"}}),
            2u);
  EXPECT_THAT(All(Mailbox(1)), ElementsAre(Pair("a", "one"), Pair("c", "3"), Pair("d", "")));
  EXPECT_EQ(*engine->GetVersion(Mailbox(1)), 2u);
  EXPECT_EQ(*engine->Get(Mailbox(1), "d"), "");
}

TEST_P(EngineContract, DeletesComeBeforePutsAndTheLaterOfTwoPutsHolds) {
  MustCommit({.shard = Mailbox(1),
              .puts = {{"a", "first"}, {"a", "second"}, {"b", "kept"}},
              .deletes = {"b"}});
  EXPECT_THAT(All(Mailbox(1)), ElementsAre(Pair("a", "second"), Pair("b", "kept")));
}

TEST_P(EngineContract, ACommitThatExpectsAnotherVersionIsAbortedAndChangesNothing) {
  MustCommit({.shard = Mailbox(1), .puts = {{"a", "1"}}});
  for (const Version expected : {Version{0}, Version{2}}) {
    absl::StatusOr<Version> refused =
        engine->Commit({.shard = Mailbox(1), .expected = expected, .puts = {{"a", "no"}}});
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kAborted) << refused.status();
  }
  EXPECT_THAT(All(Mailbox(1)), ElementsAre(Pair("a", "1")));
  EXPECT_EQ(*engine->GetVersion(Mailbox(1)), 1u);
}

TEST_P(EngineContract, AnEmptyCommitRaisesTheVersion) {
  EXPECT_EQ(MustCommit({.shard = Mailbox(1)}), 1u);
  EXPECT_EQ(*engine->GetVersion(Mailbox(1)), 1u);
}

TEST_P(EngineContract, ShardsOfDifferentKindsAndIdsAreApart) {
  using enum ShardId::Kind;
  for (const ShardId::Kind kind : {kService, kAddresses, kAccount, kMailbox}) {
    for (const uint64_t id : {1, 2}) {
      MustCommit({.shard = {kind, IdOf(id)}, .puts = {{"k", absl::StrCat(kind, "/", id)}}});
    }
  }
  for (const ShardId::Kind kind : {kService, kAddresses, kAccount, kMailbox}) {
    for (const uint64_t id : {1, 2}) {
      EXPECT_THAT(All({kind, IdOf(id)}), ElementsAre(Pair("k", absl::StrCat(kind, "/", id))));
      EXPECT_EQ(*engine->GetVersion({kind, IdOf(id)}), 1u);
    }
  }
}

TEST_P(EngineContract, ErasingAShardRemovesItsKeysBeforeThePuts) {
  MustCommit({.shard = Mailbox(1), .puts = {{"a", "1"}, {"b", "2"}}});
  MustCommit({.shard = Mailbox(2), .puts = {{"a", "other"}}});
  EXPECT_EQ(
      MustCommit(
          {.shard = Mailbox(1), .expected = 1, .puts = {{"b", "new"}}, .erase_shard = true}),
      2u);
  EXPECT_THAT(All(Mailbox(1)), ElementsAre(Pair("b", "new")));
  EXPECT_THAT(All(Mailbox(2)), ElementsAre(Pair("a", "other")));
}

TEST_P(EngineContract, ErasingAShardWithoutPutsLeavesNone) {
  MustCommit({.shard = Mailbox(1), .puts = {{"a", "1"}}});
  EXPECT_EQ(MustCommit({.shard = Mailbox(1), .expected = 1, .erase_shard = true}), 0u);
  EXPECT_EQ(*engine->GetVersion(Mailbox(1)), 0u);
  EXPECT_THAT(All(Mailbox(1)), IsEmpty());
  EXPECT_THAT(*engine->ListShards(ShardId::Kind::kMailbox, Id128{}, 10), IsEmpty());
  EXPECT_EQ(MustCommit({.shard = Mailbox(1), .puts = {{"z", "again"}}}), 1u);
  EXPECT_THAT(All(Mailbox(1)), ElementsAre(Pair("z", "again")));
}

TEST_P(EngineContract, ArgumentsThatTheContractForbidsAreNamed) {
  const auto is_invalid = [](const absl::Status& status) {
    return status.code() == absl::StatusCode::kInvalidArgument &&
           ReasonOf(status) == v1::ERROR_REASON_INVALID_REQUEST;
  };
  EXPECT_TRUE(is_invalid(engine->Get(Mailbox(1), "").status()));
  EXPECT_TRUE(is_invalid(engine->Scan({.shard = Mailbox(1), .max_entries = 0}).status()));
  EXPECT_TRUE(is_invalid(engine->Scan({.shard = Mailbox(1), .max_octets = 0}).status()));
  EXPECT_TRUE(is_invalid(engine->Commit({.shard = Mailbox(1), .puts = {{"", "x"}}}).status()));
  EXPECT_TRUE(is_invalid(engine->Commit({.shard = Mailbox(1), .deletes = {""}}).status()));
  EXPECT_TRUE(is_invalid(
      engine->Commit({.shard = Mailbox(1), .deletes = {"a"}, .erase_shard = true}).status()));
  EXPECT_TRUE(is_invalid(engine->PutChunk(IdOf(1), 0, Octets(Engine::kChunkOctets + 1))));
  EXPECT_TRUE(is_invalid(engine->ReadBody(IdOf(1), 0, 0).status()));
  EXPECT_TRUE(is_invalid(engine->ReadBody(IdOf(1), 0, Engine::kChunkOctets + 1).status()));
  EXPECT_TRUE(is_invalid(engine->ListShards(ShardId::Kind::kMailbox, Id128{}, 0).status()));
  EXPECT_TRUE(is_invalid(engine->ListBodies(Id128{}, 0).status()));
  EXPECT_EQ(*engine->GetVersion(Mailbox(1)), 0u);
}

TEST_P(EngineContract, AScanIsOrderedOctetByOctet) {
  const std::string high("\xFF\x01", 2);
  const std::string zero("a\0", 2);
  MustCommit({.shard = Mailbox(1), .puts = {{high, "4"}, {"b", "3"}, {zero, "2"}, {"a", "1"}}});
  EXPECT_THAT(All(Mailbox(1)),
              ElementsAre(Pair("a", "1"), Pair(zero, "2"), Pair("b", "3"), Pair(high, "4")));
}

TEST_P(EngineContract, AScanKeepsItsBounds) {
  MustCommit({.shard = Mailbox(1), .puts = {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}}});
  const auto keys = [&](std::string begin, std::string end) {
    absl::StatusOr<ScanPage> page =
        engine->Scan({.shard = Mailbox(1), .begin = std::move(begin), .end = std::move(end)});
    std::string found;
    for (const auto& [key, value] : page->entries) absl::StrAppend(&found, key);
    return found + page->next;
  };
  EXPECT_EQ(keys("b", "d"), "bc");
  EXPECT_EQ(keys("bb", ""), "cd");
  EXPECT_EQ(keys("", "b"), "a");
  EXPECT_EQ(keys("b", "b"), "");
  EXPECT_EQ(keys("d", "a"), "");
  EXPECT_EQ(keys("e", ""), "");
}

TEST_P(EngineContract, AScanPagesThroughARangeWithoutGapOrRepetition) {
  CommitRequest request{.shard = Mailbox(1)};
  for (int i = 0; i < 1000; ++i) {
    request.puts.emplace_back(absl::StrCat("key", 10'000 + i), std::string(20, 'v'));
  }
  Entries expected = request.puts;
  MustCommit(std::move(request));
  for (const size_t page_size : {1, 7, 128, 500, 1000, 5000}) {
    Entries found;
    ScanRequest scan{.shard = Mailbox(1), .max_entries = page_size};
    do {
      absl::StatusOr<ScanPage> page = engine->Scan(scan);
      ASSERT_TRUE(page.ok()) << page.status();
      ASSERT_LE(page->entries.size(), page_size);
      ASSERT_FALSE(page->entries.empty());
      for (const auto& [key, value] : page->entries) found.emplace_back(key, value);
      scan.begin = page->next;
    } while (!scan.begin.empty());
    EXPECT_EQ(found, expected) << page_size;
  }
}

TEST_P(EngineContract, APageEndsOnceItHoldsItsOctetsAndHasAtLeastOneEntry) {
  MustCommit({.shard = Mailbox(1),
              .puts = {{"a", std::string(50, 'x')}, {"b", std::string(50, 'x')}, {"c", ""}}});
  absl::StatusOr<ScanPage> page = engine->Scan({.shard = Mailbox(1), .max_octets = 1});
  EXPECT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(page->next, "b");
  page = engine->Scan({.shard = Mailbox(1), .max_octets = 60});
  EXPECT_EQ(page->entries.size(), 2u);
  EXPECT_EQ(page->next, "c");
}

TEST_P(EngineContract, ACommitMayBeSubmittedBeforeTheOneItBuildsOnIsComplete) {
  constexpr size_t kCommits = 50;
  std::vector<Pending<absl::StatusOr<Version>>> pending(kCommits);
  for (size_t i = 0; i < kCommits; ++i) {
    engine_->Commit({.shard = Mailbox(1), .expected = i, .puts = {{absl::StrCat("k", i), ""}}},
                    pending[i].done());
  }
  for (size_t i = 0; i < kCommits; ++i) {
    ASSERT_TRUE(pending[i].Get().ok()) << pending[i].Get().status();
    EXPECT_EQ(*pending[i].Get(), i + 1);
  }
  EXPECT_EQ(All(Mailbox(1)).size(), kCommits);
}

TEST_P(EngineContract, CommitsThatBuildOnAFailedOneFailAndOthersDoNot) {
  MustCommit({.shard = Mailbox(1), .puts = {{"a", "1"}}});
  Pending<absl::StatusOr<Version>> wrong, on_it, on_that, other;
  engine_->Commit({.shard = Mailbox(1), .expected = 7, .puts = {{"b", ""}}}, wrong.done());
  engine_->Commit({.shard = Mailbox(1), .expected = 8, .puts = {{"c", ""}}}, on_it.done());
  engine_->Commit({.shard = Mailbox(1), .expected = 9, .puts = {{"d", ""}}}, on_that.done());
  engine_->Commit({.shard = Mailbox(2), .expected = 0, .puts = {{"e", ""}}}, other.done());
  for (auto* failed : {&wrong, &on_it, &on_that}) {
    EXPECT_EQ(failed->Get().status().code(), absl::StatusCode::kAborted);
  }
  EXPECT_TRUE(other.Get().ok());
  EXPECT_THAT(All(Mailbox(1)), ElementsAre(Pair("a", "1")));
}

TEST_P(EngineContract, CommitsOfOneShardCompleteInTheirOrder) {
  constexpr size_t kCommits = 200;
  absl::Mutex mutex;
  std::vector<size_t> order;
  Pending<bool> last;
  auto last_done = last.done();
  for (size_t i = 0; i < kCommits; ++i) {
    // Every third fails; it keeps its place all the same.
    const Version expected = i % 3 == 2 ? 999 : i - i / 3;
    engine_->Commit({.shard = Mailbox(1), .expected = expected},
                    [&, i](absl::StatusOr<Version>) {
                      absl::MutexLock lock(&mutex);
                      order.push_back(i);
                      if (i + 1 == kCommits) std::move(last_done)(true);
                    });
  }
  last.Get();
  absl::MutexLock lock(&mutex);
  EXPECT_EQ(order.size(), kCommits);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_P(EngineContract, CallsMayComeFromManyThreads) {
  constexpr int kThreads = 8;
  constexpr int kCommits = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCommits; ++i) {
        EXPECT_TRUE(engine->PutChunk(IdOf(1000 * t + i + 1), 0, Octets(300, t)).ok());
        absl::StatusOr<Version> version =
            engine->Commit({.shard = Mailbox(t + 1),
                            .expected = static_cast<Version>(i),
                            .puts = {{absl::StrCat("k", i), "v"}}});
        EXPECT_TRUE(version.ok()) << version.status();
        EXPECT_EQ(*engine->ReadBody(IdOf(1000 * t + i + 1), 0, 300), Octets(300, t));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < kThreads; ++t) EXPECT_EQ(All(Mailbox(t + 1)).size(), size_t{kCommits});
}

TEST_P(EngineContract, ACallMayBeMadeFromACompletion) {
  Pending<absl::StatusOr<std::optional<std::string>>> read;
  engine_->Commit({.shard = Mailbox(1), .puts = {{"a", "1"}}}, [&](absl::StatusOr<Version>) {
    engine_->Commit(
        {.shard = Mailbox(1), .expected = 1, .puts = {{"a", "2"}}},
        [&](absl::StatusOr<Version>) { engine_->Get(Mailbox(1), "a", read.done()); });
  });
  EXPECT_EQ(*read.Get(), "2");
}

TEST_P(EngineContract, ABodyIsReadInRangesThatCrossChunks) {
  const BodyId body = IdOf(5);
  const std::string first = Octets(Engine::kChunkOctets, 1);
  const std::string second = Octets(Engine::kChunkOctets, 2);
  const std::string third = Octets(1000, 3);
  const std::string whole = first + second + third;
  EXPECT_TRUE(engine->PutChunk(body, 0, first).ok());
  EXPECT_TRUE(engine->PutChunk(body, 1, second).ok());
  EXPECT_TRUE(engine->PutChunk(body, 2, third).ok());

  for (const uint64_t offset :
       {0, 1, 65535, 65536, 65537, 100'000, 131'071, 131'072, 132'071}) {
    for (const size_t length : {1, 2, 1000, 65'535, 65'536}) {
      EXPECT_EQ(*engine->ReadBody(body, offset, length), whole.substr(offset, length))
          << offset << " " << length;
    }
  }
  EXPECT_EQ(engine->ReadBody(body, whole.size(), 1).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(engine->ReadBody(body, whole.size() + 500'000, 1).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(engine->ReadBody(body, uint64_t{1} << 60, 1).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_P(EngineContract, ABodyThatEndsWithAFullChunkEndsThere) {
  EXPECT_TRUE(engine->PutChunk(IdOf(5), 0, Octets(Engine::kChunkOctets)).ok());
  EXPECT_EQ(engine->ReadBody(IdOf(5), Engine::kChunkOctets - 1, 100)->size(), 1u);
  EXPECT_EQ(engine->ReadBody(IdOf(5), Engine::kChunkOctets, 100).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_P(EngineContract, AnAbsentBodyHasNoOctetAndNoReference) {
  EXPECT_EQ(engine->ReadBody(IdOf(9), 0, 10).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(*engine->GetReferences(IdOf(9)), IsEmpty());
  EXPECT_TRUE(engine->EraseBody(IdOf(9)).ok());
  EXPECT_TRUE(engine->RemoveReference(IdOf(9), {IdOf(1), 1}).ok());
}

TEST_P(EngineContract, ReferencesAreASet) {
  const BodyReference one{IdOf(1), 1}, two{IdOf(1), 2}, other{IdOf(2), 1};
  for (const BodyReference& reference : {two, one, other, one}) {
    EXPECT_TRUE(engine->AddReference(IdOf(5), reference).ok());
  }
  EXPECT_THAT(*engine->GetReferences(IdOf(5)), ElementsAre(one, two, other));
  EXPECT_TRUE(engine->RemoveReference(IdOf(5), two).ok());
  EXPECT_TRUE(engine->RemoveReference(IdOf(5), two).ok());
  EXPECT_THAT(*engine->GetReferences(IdOf(5)), ElementsAre(one, other));
}

TEST_P(EngineContract, AnErasedBodyHasNeitherChunksNorReferences) {
  for (const uint32_t chunks : {1, 3, 200}) {
    for (uint32_t i = 0; i < chunks; ++i) {
      const size_t octets = i + 1 == chunks ? 10 : Engine::kChunkOctets;
      EXPECT_TRUE(engine->PutChunk(IdOf(5), i, Octets(octets, i)).ok());
    }
    EXPECT_TRUE(engine->AddReference(IdOf(5), {IdOf(1), 1}).ok());
    EXPECT_TRUE(engine->PutChunk(IdOf(6), 0, "neighbour").ok());
    EXPECT_TRUE(engine->EraseBody(IdOf(5)).ok());
    EXPECT_EQ(engine->ReadBody(IdOf(5), 0, 10).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(
        engine->ReadBody(IdOf(5), (chunks - 1) * Engine::kChunkOctets, 10).status().code(),
        absl::StatusCode::kNotFound);
    EXPECT_THAT(*engine->GetReferences(IdOf(5)), IsEmpty());
    EXPECT_EQ(*engine->ReadBody(IdOf(6), 0, 100), "neighbour");
    ASSERT_EQ(engine->ListBodies(Id128{}, 10)->size(), 1u);
  }
}

TEST_P(EngineContract, ErasingABodyCoversWhatWasSubmittedBefore) {
  Pending<absl::Status> put, add, erase, again;
  engine_->PutChunk(IdOf(5), 0, "old", put.done());
  engine_->AddReference(IdOf(5), {IdOf(1), 1}, add.done());
  engine_->EraseBody(IdOf(5), erase.done());
  engine_->PutChunk(IdOf(5), 0, "new", again.done());
  for (auto* pending : {&put, &add, &erase, &again}) EXPECT_TRUE(pending->Get().ok());
  EXPECT_EQ(*engine->ReadBody(IdOf(5), 0, 10), "new");
  EXPECT_THAT(*engine->GetReferences(IdOf(5)), IsEmpty());
}

TEST_P(EngineContract, ListsShardsOfAKindInPages) {
  std::vector<Id128> expected;
  for (uint64_t i = 1; i <= 25; ++i) {
    expected.push_back(IdOf(i * 1'000'003));
    CommitRequest request{.shard = {ShardId::Kind::kMailbox, expected.back()}};
    for (int k = 0; k < 5; ++k) request.puts.emplace_back(absl::StrCat("k", k), "v");
    MustCommit(std::move(request));
    MustCommit({.shard = {ShardId::Kind::kAccount, IdOf(i)}});
  }
  for (const size_t limit : {1, 10, 25, 100}) {
    std::vector<Id128> found;
    std::vector<Id128> page;
    do {
      absl::StatusOr<std::vector<Id128>> next = engine->ListShards(
          ShardId::Kind::kMailbox, found.empty() ? Id128{} : found.back(), limit);
      ASSERT_TRUE(next.ok()) << next.status();
      page = *std::move(next);
      found.insert(found.end(), page.begin(), page.end());
    } while (page.size() == limit);
    EXPECT_EQ(found, expected) << limit;
  }
}

TEST_P(EngineContract, ListsTheShardOfTheServiceWhoseIdIsZero) {
  MustCommit({.shard = {}, .puts = {{"a", "1"}}});
  EXPECT_THAT(*engine->ListShards(ShardId::Kind::kService, Id128{}, 10), ElementsAre(Id128{}));
}

TEST_P(EngineContract, ListsBodiesWithTheirOctetsAndReferencesInPages) {
  for (uint64_t i = 1; i <= 9; ++i) {
    EXPECT_TRUE(engine->PutChunk(IdOf(i), 0, Octets(Engine::kChunkOctets)).ok());
    EXPECT_TRUE(engine->PutChunk(IdOf(i), 1, Octets(i)).ok());
    EXPECT_TRUE(engine->AddReference(IdOf(i), {IdOf(7), 1}).ok());
    EXPECT_TRUE(engine->AddReference(IdOf(i), {IdOf(7), 2}).ok());
  }
  EXPECT_TRUE(engine->AddReference(IdOf(10), {IdOf(7), 1}).ok());
  for (const size_t limit : {1, 4, 10, 11}) {
    std::vector<BodyInfo> found;
    std::vector<BodyInfo> page;
    do {
      absl::StatusOr<std::vector<BodyInfo>> next =
          engine->ListBodies(found.empty() ? Id128{} : found.back().body, limit);
      ASSERT_TRUE(next.ok()) << next.status();
      page = *std::move(next);
      found.insert(found.end(), page.begin(), page.end());
    } while (page.size() == limit);
    ASSERT_EQ(found.size(), 10u) << limit;
    for (uint64_t i = 1; i <= 9; ++i) {
      EXPECT_EQ(found[i - 1].body, IdOf(i));
      EXPECT_EQ(found[i - 1].octets, Engine::kChunkOctets + i);
      EXPECT_EQ(found[i - 1].references.size(), 2u);
    }
    EXPECT_EQ(found[9].octets, 0u);
    EXPECT_EQ(found[9].references.size(), 1u);
  }
}

TEST_P(EngineContract, WhatWasCommittedIsThereAtTheNextOpening) {
  EXPECT_TRUE(engine->PutChunk(IdOf(5), 0, "body").ok());
  EXPECT_TRUE(engine->AddReference(IdOf(5), {IdOf(1), 1}).ok());
  MustCommit({.shard = Mailbox(1), .puts = {{"a", "1"}}});
  Reopen();
  EXPECT_THAT(All(Mailbox(1)), ElementsAre(Pair("a", "1")));
  EXPECT_EQ(*engine->GetVersion(Mailbox(1)), 1u);
  EXPECT_EQ(*engine->ReadBody(IdOf(5), 0, 100), "body");
  EXPECT_EQ(engine->GetReferences(IdOf(5))->size(), 1u);
  EXPECT_EQ(MustCommit({.shard = Mailbox(1), .expected = 1}), 2u);
}

TEST_P(EngineContract, EachOpeningHasAGreaterEpoch) {
  uint64_t epoch = engine_->epoch();
  for (int i = 0; i < 3; ++i) {
    Reopen();
    EXPECT_GT(engine_->epoch(), epoch);
    epoch = engine_->epoch();
  }
}

}  // namespace
}  // namespace restante::engine
