// Opening a store: what is refused, and how a damaged log is named and recovered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/key_codec.h"
#include "storage-service/engine/recovery.h"
#include "storage-service/engine/rocks_engine.h"
#include "storage-service/engine/store_directory.h"
#include "storage-service/engine/wal_inspection.h"
#include "tests/engine/engine_harness.h"

namespace restante::engine {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RocksOpen : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Engine>> Open() { return RocksEngine::Open(path); }

  // Opens, and commits to mailbox 1 this often.
  void Write(size_t commits) {
    absl::StatusOr<std::unique_ptr<Engine>> engine = Open();
    ASSERT_TRUE(engine.ok()) << engine.status();
    Blocking blocking(**engine);
    const Version version = *blocking.GetVersion(Mailbox(1));
    for (size_t i = 0; i < commits; ++i) {
      ASSERT_TRUE(
          blocking
              .Commit({.shard = Mailbox(1),
                       .expected = version + i,
                       .puts = {{absl::StrCat("key", version + i + 1), Octets(2000, i)}}})
              .ok());
    }
  }

  Version CommittedVersion() {
    absl::StatusOr<std::unique_ptr<Engine>> engine = Open();
    EXPECT_TRUE(engine.ok()) << engine.status();
    if (!engine.ok()) return 0;
    Blocking blocking(**engine);
    const Version version = *blocking.GetVersion(Mailbox(1));
    EXPECT_EQ(blocking.Scan({.shard = Mailbox(1)})->entries.size(), version);
    return version;
  }

  // The log that the last opening wrote.
  std::string LastLog() {
    absl::StatusOr<std::vector<WalFile>> logs =
        InspectWals(path + "/db", rocksdb::Env::Default());
    EXPECT_TRUE(logs.ok() && !logs->empty());
    return logs->back().path;
  }

  static void WriteFile(const std::string& name, const std::string& text) {
    std::ofstream(name, std::ios::binary) << text;
  }
  static std::string ReadFile(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static void AppendTo(const std::string& name, const std::string& octets) {
    std::ofstream(name, std::ios::binary | std::ios::app) << octets;
  }
  // A record of the log, whole by its length and wrong by its checksum.
  static std::string GarbledRecord(uint8_t octets) {
    std::string record = "\x01\x02\x03\x04";
    record.push_back(static_cast<char>(octets));
    record.push_back('\0');
    record.push_back('\x01');
    return record + Octets(octets);
  }
  // Damages one octet.
  static void FlipAt(const std::string& name, uint64_t offset) {
    std::string octets = ReadFile(name);
    octets[offset] = static_cast<char>(octets[offset] ^ 0x40);
    WriteFile(name, octets);
  }

  TestDirectory directory;
  const std::string path = directory.store();
};

TEST_F(RocksOpen, MakesAStoreWhereThereIsNone) {
  EXPECT_TRUE(RocksEngine::Open(directory.path() + "/a/b/c").ok());
  EXPECT_EQ(ReadFile(directory.path() + "/a/b/c/FORMAT"), "restante-store 1\n");
}

TEST_F(RocksOpen, AnUnknownFormatVersionIsRefusedNamingFoundAndSupported) {
  Write(1);
  WriteFile(path + "/FORMAT", "restante-store 7\n");
  const absl::Status refused = Open().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("format version 7"), HasSubstr("supports version 1")));
  WriteFile(path + "/FORMAT", "restante-store 1\n");
  EXPECT_EQ(CommittedVersion(), 1u);
}

TEST_F(RocksOpen, ADirectoryThatHoldsSomethingElseIsRefusedAndLeftAlone) {
  std::filesystem::create_directory(path);
  WriteFile(path + "/letter.txt", "Dear Sir");
  const absl::Status refused = Open().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("letter.txt"));
  EXPECT_FALSE(std::filesystem::exists(path + "/FORMAT"));
  EXPECT_FALSE(std::filesystem::exists(path + "/LOCK"));
}

TEST_F(RocksOpen, AFormatFileOfSomethingElseIsRefused) {
  std::filesystem::create_directory(path);
  WriteFile(path + "/FORMAT", "other 1\n");
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RocksOpen, TheRootOfAFileSystemIsAnEmptyDirectory) {
  std::filesystem::create_directories(path + "/lost+found");
  EXPECT_TRUE(Open().ok());
}

TEST_F(RocksOpen, AnInterruptedCreationIsTakenUpAgain) {
  std::filesystem::create_directory(path);
  WriteFile(path + "/FORMAT.new", "rest");
  EXPECT_TRUE(Open().ok());
  std::filesystem::remove_all(path + "/db");
  EXPECT_TRUE(Open().ok());
}

TEST_F(RocksOpen, AStoreThatLostItsCurrentFileIsNotMistakenForANewOne) {
  Write(1);
  std::filesystem::remove(path + "/db/CURRENT");
  const absl::Status refused = Open().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("db/CURRENT is missing"));
}

TEST_F(RocksOpen, ASecondOpeningByTheSameProcessIsRefused) {
  absl::StatusOr<std::unique_ptr<Engine>> engine = Open();
  ASSERT_TRUE(engine.ok()) << engine.status();
  const absl::Status refused = Open().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("in use by this process already"));
  engine->reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(RocksOpen, AStoreThatAnotherProcessHasOpenIsRefusedNamingItsPid) {
  Write(1);
  int opened[2];
  int leave[2];
  ASSERT_EQ(pipe(opened), 0);
  ASSERT_EQ(pipe(leave), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto held =
        StoreDirectory::Open(path, rocksdb::Env::Default(), StoreDirectory::IfMissing::kFail);
    char octet = held.ok() ? '+' : '-';
    const bool told = write(opened[1], &octet, 1) == 1;
    _exit(told && read(leave[0], &octet, 1) == 1 ? 0 : 1);
  }
  char octet = 0;
  ASSERT_EQ(read(opened[0], &octet, 1), 1);
  ASSERT_EQ(octet, '+');
  const absl::Status refused = Open().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr(absl::StrCat("in use by another process (pid ", child, ")")));
  ASSERT_EQ(write(leave[1], &octet, 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(CommittedVersion(), 1u);
  for (const int fd : {opened[0], opened[1], leave[0], leave[1]}) close(fd);
}

TEST_F(RocksOpen, AWriteCutOffAtTheEndOfTheLogIsDroppedSilently) {
  Write(5);
  const std::string log = LastLog();
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 100);
  EXPECT_EQ(CommittedVersion(), 4u);
}

TEST_F(RocksOpen, AGarbledEndOfTheLogIsRefusedWithFileAndOffsetAndCanBeRecovered) {
  Write(5);
  const std::string log = LastLog();
  const uint64_t good = std::filesystem::file_size(log);
  AppendTo(log, GarbledRecord(93));

  const absl::Status refused = Open().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(refused), v1::ERROR_REASON_CORRUPT);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr(log), HasSubstr(absl::StrCat("at offset ", good, " of "))));

  absl::StatusOr<RecoveryReport> report = RecoverToLastGoodPoint(path);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_THAT(report->dropped, SizeIs(1));
  EXPECT_EQ(report->dropped[0].file, log);
  EXPECT_EQ(report->dropped[0].offset, good);
  EXPECT_EQ(report->dropped[0].octets, 100u);
  EXPECT_EQ(std::filesystem::file_size(report->dropped[0].copy), good + 100);
  EXPECT_EQ(CommittedVersion(), 5u);
}

TEST_F(RocksOpen, ADefectInTheMiddleOfTheLogIsRefusedAndRecoveryKeepsWhatIsBefore) {
  Write(100);
  const std::string log = LastLog();
  const uint64_t octets = std::filesystem::file_size(log);
  FlipAt(log, octets / 2);

  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(WasRecovered(path));
  absl::StatusOr<RecoveryReport> report = RecoverToLastGoodPoint(path);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(WasRecovered(path)) << "until it is forgotten";
  ASSERT_THAT(report->dropped, SizeIs(1));
  EXPECT_LE(report->dropped[0].offset, octets / 2);
  EXPECT_GT(report->dropped[0].offset, octets / 2 - 5000);
  const Version version = CommittedVersion();
  EXPECT_GT(version, 40u);
  EXPECT_LT(version, 60u);
  EXPECT_TRUE(WasRecovered(path)) << "also after an opening";
  EXPECT_TRUE(ForgetRecovery(path).ok());
  EXPECT_FALSE(WasRecovered(path));
  EXPECT_TRUE(ForgetRecovery(path).ok());
}

// A recovery must not bring back an epoch that was given out, or tokens would
// repeat: not even when the defect is before the record of the epoch.
TEST_F(RocksOpen, ARecoveryThatDropsTheWholeLogStillRaisesTheEpoch) {
  uint64_t epoch = 0;
  {
    absl::StatusOr<std::unique_ptr<Engine>> engine = Open();
    ASSERT_TRUE(engine.ok());
    epoch = (*engine)->epoch();
  }
  Write(3);
  FlipAt(LastLog(), 10);
  ASSERT_TRUE(RecoverToLastGoodPoint(path).ok());
  absl::StatusOr<std::unique_ptr<Engine>> engine = Open();
  ASSERT_TRUE(engine.ok());
  EXPECT_GT((*engine)->epoch(), epoch + 2);
}

TEST_F(RocksOpen, RecoveringAWholeStoreDropsNothing) {
  Write(10);
  absl::StatusOr<RecoveryReport> report = RecoverToLastGoodPoint(path);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->dropped, IsEmpty());
  EXPECT_FALSE(WasRecovered(path));
  EXPECT_EQ(CommittedVersion(), 10u);
}

TEST_F(RocksOpen, RecoveringWhereThereIsNoStoreMakesNone) {
  EXPECT_EQ(RecoverToLastGoodPoint(path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path));
}

// A write over several blocks, and one that ends where a header just fits.
TEST_F(RocksOpen, TheInspectionFollowsWritesOfAnySize) {
  {
    absl::StatusOr<std::unique_ptr<Engine>> engine = Open();
    ASSERT_TRUE(engine.ok());
    Blocking blocking(**engine);
    Version version = 0;
    for (const size_t octets : {0, 1, 32'700, 32'768, 100'000, 5, 300'000}) {
      for (size_t more = 0; more < 12; ++more) {
        ASSERT_TRUE(blocking
                        .Commit({.shard = Mailbox(1),
                                 .expected = version++,
                                 .puts = {{"k", Octets(octets + more)}}})
                        .ok());
      }
    }
  }
  absl::StatusOr<std::vector<WalFile>> logs =
      InspectWals(path + "/db", rocksdb::Env::Default());
  ASSERT_TRUE(logs.ok()) << logs.status();
  EXPECT_FALSE(logs->back().defect.has_value());
  EXPECT_FALSE(logs->back().unfinished.has_value());
  EXPECT_GE(logs->back().next_sequence - logs->back().first_sequence, 84u);
}

TEST_F(RocksOpen, AChunkWhoseChecksumIsWrongIsDataLossNamingBodyAndChunk) {
  const BodyId body = IdOf(0xABCDEF);
  {
    absl::StatusOr<std::unique_ptr<Engine>> engine = Open();
    ASSERT_TRUE(engine.ok());
    Blocking blocking(**engine);
    ASSERT_TRUE(blocking.PutChunk(body, 0, Octets(Engine::kChunkOctets)).ok());
    ASSERT_TRUE(blocking.PutChunk(body, 1, Octets(1000)).ok());
    ASSERT_TRUE(blocking.Commit({.shard = Mailbox(1)}).ok());
  }
  {
    absl::StatusOr<std::unique_ptr<Database>> database =
        Database::Open(path, {}, Database::Recovery::kRefuseDamage);
    ASSERT_TRUE(database.ok());
    // Chunk 0's data, whole and sealed, but in the place of chunk 1.
    std::string stored;
    rocksdb::DB& db = (*database)->db();
    ASSERT_TRUE(db.Get({}, (*database)->bodies(), keys::Chunk(body, 0), &stored).ok());
    ASSERT_TRUE(db.Put({}, (*database)->bodies(), keys::Chunk(body, 1), stored).ok());
  }
  absl::StatusOr<std::unique_ptr<Engine>> engine = Open();
  ASSERT_TRUE(engine.ok());
  Blocking blocking(**engine);
  EXPECT_TRUE(blocking.ReadBody(body, 0, 1000).ok());
  const absl::Status corrupt = blocking.ReadBody(body, Engine::kChunkOctets, 1000).status();
  EXPECT_EQ(corrupt.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReasonOf(corrupt), v1::ERROR_REASON_CORRUPT);
  EXPECT_THAT(std::string(corrupt.message()),
              AllOf(HasSubstr(body.ToHex()), HasSubstr("chunk 1")));
}

}  // namespace
}  // namespace restante::engine
