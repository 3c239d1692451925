// A disk that fills up: bodies are refused while a reserve is left, everything else goes
// on; and whatever became of the reserve, the engine works again once there is room,
// without a restart.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/errors.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/engine/engine_harness.h"
#include "tests/engine/small_disk_file_system.h"

namespace restante::engine {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kDisk = 64 * kMiB;
constexpr uint64_t kReserve = 16 * kMiB;

class FullDisk : public ::testing::Test {
 protected:
  void Open() {
    options_.file_system = disk_;
    options_.write_buffer_octets = 4 * kMiB;
    options_.reserve_octets = kReserve;
    options_.space_check_interval = absl::Milliseconds(5);
    options_.resume_interval = absl::Milliseconds(5);
    absl::StatusOr<std::unique_ptr<Engine>> engine =
        RocksEngine::Open(directory_.store(), options_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }
  Blocking engine() { return Blocking(*engine_); }

  absl::Status PutBody(uint64_t number) {
    absl::Status put = engine().PutChunk(IdOf(number), 0, Octets(60'000, number));
    if (!put.ok()) return put;
    return engine()
        .Commit({.shard = Mailbox(1), .expected = number - 1, .puts = {{"row", "1"}}})
        .status();
  }
  // Bodies until one is refused; how many were taken.
  uint64_t Fill() {
    uint64_t bodies = 0;
    while (true) {
      const absl::Status put = PutBody(bodies + 1);
      if (put.ok()) {
        ++bodies;
        continue;
      }
      EXPECT_EQ(ReasonOf(put), v1::ERROR_REASON_STORE_FULL) << put;
      return bodies;
    }
  }
  // Nothing sleeps: each question may be the one whose answer changes it.
  void AwaitRoom(bool room) {
    while (engine_->CheckRoom().ok() != room) disk_->AwaitQuestions(1);
  }

  TestDirectory directory_;
  EngineOptions options_;
  std::shared_ptr<SmallDiskFileSystem> disk_ = std::make_shared<SmallDiskFileSystem>(kDisk);
  std::unique_ptr<Engine> engine_;
};

TEST_F(FullDisk, BelowTheReserveBodiesAreRefusedAndEverythingElseGoesOn) {
  Open();
  const uint64_t bodies = Fill();
  EXPECT_GT(bodies, 100u);
  EXPECT_LE(disk_->used(), kDisk);
  EXPECT_EQ(ReasonOf(engine_->CheckRoom()), v1::ERROR_REASON_STORE_FULL);
  EXPECT_EQ(engine_->Stats().at("store_full"), 1);

  EXPECT_EQ(*engine().ReadBody(IdOf(1), 0, 60'000), Octets(60'000, 1));
  ASSERT_TRUE(engine().EraseBody(IdOf(1)).ok());
  absl::StatusOr<Version> version =
      engine().Commit({.shard = Mailbox(1), .expected = bodies, .puts = {{"row", "2"}}});
  ASSERT_TRUE(version.ok()) << version.status();
}

TEST_F(FullDisk, ThereIsRoomAgainOnceSomethingWasFreed) {
  Open();
  disk_->SetBallast(kDisk - kReserve);
  AwaitRoom(false);
  EXPECT_EQ(ReasonOf(PutBody(1)), v1::ERROR_REASON_STORE_FULL);

  disk_->SetBallast(kDisk - disk_->used() - kReserve - kReserve / 8);
  disk_->AwaitQuestions(2);
  EXPECT_FALSE(engine_->CheckRoom().ok()) << "it doesn't swing with every message";

  disk_->SetBallast(0);
  AwaitRoom(true);
  EXPECT_TRUE(PutBody(1).ok());
}

TEST_F(FullDisk, WhenNothingIsLeftAtAllTheEngineRecoversByItself) {
  Open();
  ASSERT_TRUE(PutBody(1).ok());
  disk_->SetBallast(kDisk);
  absl::StatusOr<Version> refused =
      engine().Commit({.shard = Mailbox(1), .expected = 1, .puts = {{"row", "2"}}});
  EXPECT_EQ(ReasonOf(refused.status()), v1::ERROR_REASON_STORE_FULL) << refused.status();
  EXPECT_EQ(*engine().ReadBody(IdOf(1), 0, 60'000), Octets(60'000, 1)) << "reads go on";

  disk_->SetBallast(0);
  AwaitRoom(true);
  // Whether the refused write is there is found out by reading, as ever.
  bool written = false;
  while (!written) {
    const Version version = *engine().GetVersion(Mailbox(1));
    written = engine()
                  .Commit({.shard = Mailbox(1), .expected = version, .puts = {{"row", "3"}}})
                  .ok();
    disk_->AwaitQuestions(1);
  }
  EXPECT_EQ(*engine().Get(Mailbox(1), "row"), "3");

  engine_.reset();
  Open();
  EXPECT_EQ(*engine().Get(Mailbox(1), "row"), "3");
  EXPECT_EQ(*engine().ReadBody(IdOf(1), 0, 60'000), Octets(60'000, 1));
}

TEST_F(FullDisk, WithoutAReserveNothingIsRefusedBeforeTheDiskDoes) {
  options_.reserve_octets = 0;
  options_.file_system = disk_;
  absl::StatusOr<std::unique_ptr<Engine>> engine =
      RocksEngine::Open(directory_.store(), options_);
  ASSERT_TRUE(engine.ok());
  disk_->SetBallast(kDisk - kMiB);
  EXPECT_TRUE((*engine)->CheckRoom().ok());
}

}  // namespace
}  // namespace restante::engine
