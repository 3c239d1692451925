// What was deleted comes back to the disk by itself, whatever part of the bodies it was
// and whichever; and what is live stays what it is.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include "storage-service/engine/rocks_engine.h"
#include "tests/engine/engine_harness.h"

namespace restante::engine {
namespace {

constexpr uint64_t kBodies = 1000;
constexpr size_t kOctets = 8000;
// What the disk may take for each live octet.
constexpr double kMost = 1.3;

// Spread over the key space, as random ids are.
BodyId BodyOf(uint64_t number) { return IdOf((number + 1) * 0x9E3779B97F4A7C15u); }

class CompactorTest : public ::testing::Test {
 protected:
  CompactorTest() {
    options_.write_buffer_octets = size_t{2} << 20;
    options_.compaction_interval = absl::Milliseconds(5);
    options_.compaction_step_octets = uint64_t{1} << 20;
  }

  void Open() {
    engine_.reset();
    absl::StatusOr<std::unique_ptr<Engine>> engine =
        RocksEngine::Open(directory_.store(), options_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }
  Blocking engine() { return Blocking(*engine_); }

  void Fill() {
    Open();
    for (uint64_t body = 0; body < kBodies; ++body) {
      engine_->PutChunk(BodyOf(body), 0, Octets(kOctets, body), [](absl::Status) {});
      engine_->AddReference(BodyOf(body), {IdOf(1), static_cast<uint32_t>(body)},
                            [](absl::Status) {});
    }
    ASSERT_TRUE(engine().Commit({.shard = Mailbox(1)}).ok());
  }
  void Erase(const std::function<bool(uint64_t)>& gone) {
    gone_ = gone;
    live_ = 0;
    for (uint64_t body = 0; body < kBodies; ++body) {
      if (gone_(body)) {
        engine_->EraseBody(BodyOf(body), [](absl::Status) {});
      } else {
        live_ += kOctets;
      }
    }
    const Version version = *engine().GetVersion(Mailbox(1));
    ASSERT_TRUE(engine().Commit({.shard = Mailbox(1), .expected = version}).ok());
  }

  uint64_t OnDisk() const {
    uint64_t octets = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.store())) {
      std::error_code gone;  // meanwhile
      if (const auto size = entry.file_size(gone); !gone) octets += size;
    }
    return octets;
  }
  // The test's own deadline ends it if that never comes.
  void AwaitDisk() const {
    while (static_cast<double>(OnDisk()) > kMost * static_cast<double>(live_)) {
      std::this_thread::yield();
    }
  }
  void ExpectLiveBodies() {
    for (uint64_t body = 0; body < kBodies; ++body) {
      const absl::StatusOr<std::string> octets = engine().ReadBody(BodyOf(body), 0, kOctets);
      if (gone_(body)) {
        EXPECT_TRUE(absl::IsNotFound(octets.status()));
      } else {
        ASSERT_TRUE(octets.ok()) << octets.status();
        EXPECT_EQ(*octets, Octets(kOctets, body));
      }
    }
  }

  TestDirectory directory_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
  std::function<bool(uint64_t)> gone_;
  uint64_t live_ = 0;
};

class CompactorAfter : public CompactorTest, public ::testing::WithParamInterface<uint64_t> {};

TEST_P(CompactorAfter, ScatteredDeletionsTheDiskIsGivenBack) {
  Fill();
  Erase([](uint64_t body) { return (body * 7919) % 100 < GetParam(); });
  AwaitDisk();
  ExpectLiveBodies();
}

TEST_P(CompactorAfter, TheDeletionOfWhatCameTogetherTheDiskIsGivenBack) {
  Fill();
  Erase([](uint64_t body) { return body < kBodies * GetParam() / 100; });
  AwaitDisk();
  ExpectLiveBodies();
}

INSTANTIATE_TEST_SUITE_P(Percent, CompactorAfter, ::testing::Values(30, 50, 90));

TEST_F(CompactorTest, WhatAnEarlierOpeningErasedIsGivenBackToo) {
  options_.compaction_interval = absl::Hours(1);
  Fill();
  Erase([](uint64_t body) { return body % 2 == 0; });
  options_.compaction_interval = absl::Milliseconds(5);
  Open();
  AwaitDisk();
  ExpectLiveBodies();
}

TEST_F(CompactorTest, WhatNobodyDeletesIsNotMoved) {
  Fill();
  Erase([](uint64_t body) { return body % 20 == 0; });
  // Looked at often enough meanwhile; 5 % isn't worth it.
  for (int i = 0; i < 3; ++i) ExpectLiveBodies();
  EXPECT_EQ(engine_->Stats().at("compaction_runs_total"), 0);
}

TEST_F(CompactorTest, AfterAPurgeNoOctetOfWhatWasErasedIsLeft) {
  options_.compaction_interval = absl::Hours(1);
  Fill();
  const auto on_disk = [this](const std::string& octets) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.store())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(file)), {});
      if (text.find(octets) != std::string::npos) return true;
    }
    return false;
  };
  const std::string gone = Octets(kOctets, 5).substr(100, 1000);
  EXPECT_TRUE(on_disk(gone));
  Erase([](uint64_t body) { return body == 5; });
  ASSERT_TRUE(Wait<absl::Status>([&](auto done) { engine_->Purge(std::move(done)); }).ok());
  EXPECT_FALSE(on_disk(gone));
  EXPECT_TRUE(on_disk(Octets(kOctets, 6).substr(100, 1000)));
  ExpectLiveBodies();
}

TEST_F(CompactorTest, APurgeEndsWithTheEngine) {
  Fill();
  Pending<absl::Status> purge;
  engine_->Purge(purge.done());
  engine_.reset();
  const absl::Status& status = purge.Get();
  EXPECT_TRUE(status.ok() || absl::IsCancelled(status)) << status;
}

TEST_F(CompactorTest, ItTellsWhatItDoesAndWhatWaits) {
  Fill();
  Erase([](uint64_t body) { return body % 2 == 0; });
  AwaitDisk();
  while (engine_->Stats().at("compaction_runs_total") == 0) std::this_thread::yield();
  const std::map<std::string, double> stats = engine_->Stats();
  EXPECT_GT(stats.at("compaction_steps_total"), 0);
  EXPECT_GT(stats.at("compaction_returned_octets_total"), kBodies * kOctets / 4);
  EXPECT_GT(stats.at("compaction_last_unix_seconds"), 0);
  EXPECT_LT(stats.at("compaction_backlog_octets"), kBodies * kOctets / 4);
}

}  // namespace
}  // namespace restante::engine
