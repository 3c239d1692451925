// Backups: consistent while the store is written to, incremental, verified; and what comes
// back out of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "common/errors.h"
#include "storage-service/engine/backup_directory.h"
#include "storage-service/engine/recovery.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/engine/engine_harness.h"

namespace restante::engine {
namespace {

using ::testing::HasSubstr;

class BackupTest : public ::testing::Test {
 protected:
  BackupTest() {
    options_.backup_directory = backups();
    options_.compaction_interval = absl::Hours(1);
    options_.write_buffer_octets = size_t{2} << 20;
    absl::StatusOr<std::unique_ptr<Engine>> engine =
        RocksEngine::Open(directory_.store(), options_);
    EXPECT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }

  std::string backups() const { return directory_.path() + "/backups"; }
  std::string restored() const { return directory_.path() + "/restored"; }

  absl::StatusOr<BackupInfo> Create() {
    return Wait<absl::StatusOr<BackupInfo>>(
        [&](auto done) { engine_->backups()->Create(std::move(done)); });
  }
  void Put(uint64_t body) {
    Blocking engine(*engine_);
    ASSERT_TRUE(engine.PutChunk(IdOf(body), 0, Octets(50'000, body)).ok());
    ASSERT_TRUE(engine
                    .Commit({.shard = Mailbox(1),
                             .expected = *engine.GetVersion(Mailbox(1)),
                             .puts = {{"newest", std::to_string(body)}}})
                    .ok());
  }
  static std::string Newest(Engine& engine) {
    const auto value = Blocking(engine).Get(Mailbox(1), "newest");
    EXPECT_TRUE(value.ok()) << value.status();
    return value->value_or("");
  }
  std::set<std::string> SharedFiles() const {
    std::set<std::string> names;
    for (const auto& entry :
         std::filesystem::directory_iterator(backups() + "/shared_checksum")) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
  std::unique_ptr<Engine> OpenRestored() {
    absl::StatusOr<std::unique_ptr<Engine>> engine = RocksEngine::Open(restored());
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() ? *std::move(engine) : nullptr;
  }

  TestDirectory directory_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(BackupTest, AStoreComesBackAsItWas) {
  Put(1);
  const absl::StatusOr<BackupInfo> backup = Create();
  ASSERT_TRUE(backup.ok()) << backup.status();
  Put(2);

  ASSERT_TRUE(RestoreBackup(backups(), backup->id, restored()).ok());
  EXPECT_TRUE(WasRecovered(restored())) << "UIDs may have been given out since";
  const std::unique_ptr<Engine> engine = OpenRestored();
  EXPECT_EQ(Newest(*engine), "1");
  EXPECT_EQ(*Blocking(*engine).ReadBody(IdOf(1), 0, 50'000), Octets(50'000, 1));
  EXPECT_TRUE(absl::IsNotFound(Blocking(*engine).ReadBody(IdOf(2), 0, 1).status()));
}

TEST_F(BackupTest, WhileTheStoreIsWrittenToEachBackupIsOfOneMoment) {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> written{0};
  std::thread writer([&] {
    for (uint64_t body = 1; !stop; ++body) {
      Put(body);
      written = body;
    }
  });
  while (written < 50) std::this_thread::yield();
  const uint64_t acknowledged = written;
  const absl::StatusOr<BackupInfo> backup = Create();
  stop = true;
  writer.join();
  ASSERT_TRUE(backup.ok()) << backup.status();

  ASSERT_TRUE(RestoreBackup(backups(), backup->id, restored()).ok());
  const std::unique_ptr<Engine> engine = OpenRestored();
  const uint64_t newest = std::stoull(Newest(*engine));
  EXPECT_GE(newest, acknowledged);
  EXPECT_EQ(*Blocking(*engine).GetVersion(Mailbox(1)), newest);
  for (uint64_t body = 1; body <= newest; ++body) {
    EXPECT_EQ(*Blocking(*engine).ReadBody(IdOf(body), 0, 50'000), Octets(50'000, body));
  }
}

TEST_F(BackupTest, TheNextOneCopiesOnlyWhatIsNew) {
  for (uint64_t body = 1; body < 50; ++body) Put(body);
  ASSERT_TRUE(Create().ok());
  const std::set<std::string> before = SharedFiles();
  uint64_t octets = 0;
  for (const std::string& name : before) {
    octets += std::filesystem::file_size(backups() + "/shared_checksum/" + name);
  }
  EXPECT_GT(octets, 49u * 50'000);
  Put(50);
  ASSERT_TRUE(Create().ok());
  uint64_t added = 0;
  for (const std::string& name : SharedFiles()) {
    if (before.contains(name)) continue;
    added += std::filesystem::file_size(backups() + "/shared_checksum/" + name);
  }
  EXPECT_LT(added, 2u * 50'000);
}

TEST_F(BackupTest, AnOctetThatChangedInABackupIsFoundAndNotRestored) {
  Put(1);
  const uint32_t id = Create()->id;
  EXPECT_TRUE(VerifyBackup(backups(), id).ok());
  for (const std::string& name : SharedFiles()) {
    if (!name.ends_with(".blob")) continue;
    std::fstream file(backups() + "/shared_checksum/" + name,
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(10'000);
    file.put('!');
  }
  const absl::Status damaged = VerifyBackup(backups(), id);
  EXPECT_EQ(ReasonOf(damaged), v1::ERROR_REASON_CORRUPT) << damaged;
  EXPECT_THAT(std::string(damaged.message()), HasSubstr(".blob"));
  EXPECT_FALSE(RestoreBackup(backups(), id, restored()).ok());
  EXPECT_FALSE(RocksEngine::Open(restored()).ok()) << "half a store is none";
}

TEST_F(BackupTest, OneOfManyIsChosenByIdOrByTime) {
  Put(1);
  const absl::StatusOr<BackupInfo> first = Create();
  Put(2);
  const absl::StatusOr<BackupInfo> second = Create();
  ASSERT_TRUE(second.ok());
  EXPECT_GT(second->id, first->id);
  EXPECT_EQ(FindBackup(backups(), {})->id, second->id);
  EXPECT_EQ(FindBackup(backups(), {.id = first->id})->id, first->id);
  EXPECT_EQ(FindBackup(backups(), {.before = absl::InfiniteFuture()})->id, second->id);
  const absl::Status none =
      FindBackup(backups(), {.before = first->taken - absl::Seconds(1)}).status();
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_THAT(std::string(none.message()), HasSubstr("there are 1"));
  EXPECT_TRUE(absl::IsNotFound(FindBackup(directory_.path() + "/none", {}).status()));
}

TEST_F(BackupTest, OldOnesGoAndNewOnesStayWhole) {
  for (uint64_t body = 1; body <= 3; ++body) {
    Put(body);
    ASSERT_TRUE(Create().ok());
  }
  const auto removed = Wait<absl::StatusOr<uint64_t>>(
      [&](auto done) { engine_->backups()->Prune(1, std::move(done)); });
  EXPECT_EQ(*removed, 2u);
  ASSERT_EQ(ListBackups(backups())->size(), 1u);
  EXPECT_TRUE(VerifyBackup(backups(), ListBackups(backups())->at(0).id).ok());
}

TEST_F(BackupTest, ABackupIsReadWhereItIs) {
  Put(1);
  const uint32_t id = Create()->id;
  Put(2);
  auto opened = Wait<absl::StatusOr<Backups::Opened>>(
      [&](auto done) { engine_->backups()->Open({.id = id}, std::move(done)); });
  ASSERT_TRUE(opened.ok()) << opened.status();
  Engine& backup = *opened->engine;
  EXPECT_EQ(Newest(backup), "1");
  EXPECT_EQ(*Blocking(backup).ReadBody(IdOf(1), 0, 50'000), Octets(50'000, 1));
  EXPECT_EQ(Blocking(backup).ListShards(ShardId::Kind::kMailbox, {}, 10)->size(), 1u);
  EXPECT_FALSE(Blocking(backup).Commit({.shard = Mailbox(1), .expected = 1}).ok());
  engine_->backups()->Close(std::move(opened->engine));
  EXPECT_TRUE(VerifyBackup(backups(), id).ok());
  EXPECT_EQ(Newest(*engine_), "2");
}

TEST_F(BackupTest, AStoreIsRestoredIntoAnEmptyDirectoryOnly) {
  Put(1);
  const uint32_t id = Create()->id;
  const absl::Status refused = RestoreBackup(backups(), id, directory_.store());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_EQ(Newest(*engine_), "1");
}

TEST_F(BackupTest, AnEngineThatWasNotToldWhereKeepsNone) {
  options_.backup_directory.clear();
  const auto other = RocksEngine::Open(restored(), options_);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ((*other)->backups(), nullptr);
}

}  // namespace
}  // namespace restante::engine
