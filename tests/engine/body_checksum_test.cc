// Octets that aren't what was put are an error, whoever has changed them and wherever
// they are read; what is whole beside them is read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "common/errors.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/key_codec.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/engine/engine_harness.h"

namespace restante::engine {
namespace {

constexpr size_t kChunk = Engine::kChunkOctets;
constexpr size_t kLast = 1000;

class BodyChecksum : public ::testing::Test {
 protected:
  // A body of three chunks, in a file.
  BodyChecksum() {
    Open();
    Blocking blocking(*engine_);
    for (uint32_t chunk = 0; chunk < 3; ++chunk) {
      EXPECT_TRUE(blocking.PutChunk(IdOf(1), chunk, Chunk(chunk)).ok());
    }
    EXPECT_TRUE(blocking.Commit({.shard = Mailbox(1)}).ok());
    Open();
    engine_.reset();
  }

  static std::string Chunk(uint32_t index) { return Octets(index < 2 ? kChunk : kLast, index); }

  void Open() {
    engine_.reset();
    absl::StatusOr<std::unique_ptr<Engine>> engine = RocksEngine::Open(directory_.store());
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }

  // Turns a bit of what the files have of this chunk.
  void Damage(uint32_t chunk, size_t at) {
    const std::string wanted = Chunk(chunk);
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.store() + "/db")) {
      if (entry.path().extension() != ".blob") continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      const std::string octets((std::istreambuf_iterator<char>(file)), {});
      const size_t place = octets.find(wanted);
      if (place == std::string::npos) continue;
      file.clear();
      file.seekp(static_cast<std::streamoff>(place + at));
      file.put(static_cast<char>(wanted[at] ^ 0x10));
      ++found;
    }
    EXPECT_EQ(found, 1);
  }

  absl::StatusOr<std::string> Read(uint64_t offset, size_t length) {
    return Blocking(*engine_).ReadBody(IdOf(1), offset, length);
  }
  void ExpectCorrupt(uint64_t offset, size_t length) {
    const absl::Status status = Read(offset, length).status();
    EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_CORRUPT) << offset << ": " << status;
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(IdOf(1).ToHex()));
  }

  TestDirectory directory_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(BodyChecksum, AnOctetThatChangedOnTheDiskFailsEveryReadOfItsChunk) {
  Damage(1, 40'000);
  Open();
  ExpectCorrupt(kChunk, kChunk);
  ExpectCorrupt(kChunk, 1);
  ExpectCorrupt(2 * kChunk - 1, 1);
  // A range that begins before it: nothing of it is told.
  ExpectCorrupt(kChunk - 10, 20);
  EXPECT_EQ(*Read(0, kChunk), Chunk(0));
  EXPECT_EQ(*Read(2 * kChunk, kLast), Chunk(2));
}

TEST_F(BodyChecksum, TheLastOctetOfABodyIsGuardedToo) {
  Damage(2, kLast - 1);
  Open();
  ExpectCorrupt(2 * kChunk, 1);
  ExpectCorrupt(2 * kChunk + kLast - 1, 2);
}

// What no checksum of RocksDB's would notice.
TEST_F(BodyChecksum, AChunkInThePlaceOfAnotherIsFoundOut) {
  {
    const auto database =
        Database::Open(directory_.store(), {}, Database::Recovery::kRefuseDamage);
    ASSERT_TRUE(database.ok());
    std::string other;
    rocksdb::DB& db = (*database)->db();
    ASSERT_TRUE(db.Get({}, (*database)->bodies(), keys::Chunk(IdOf(1), 0), &other).ok());
    ASSERT_TRUE(db.Put({}, (*database)->bodies(), keys::Chunk(IdOf(1), 1), other).ok());
  }
  Open();
  ExpectCorrupt(kChunk, kChunk);
  EXPECT_EQ(*Read(0, kChunk), Chunk(0));
}

TEST_F(BodyChecksum, AChunkThatWasCutShortIsFoundOut) {
  {
    const auto database =
        Database::Open(directory_.store(), {}, Database::Recovery::kRefuseDamage);
    ASSERT_TRUE(database.ok());
    const std::string key = keys::Chunk(IdOf(1), 1);
    rocksdb::DB& db = (*database)->db();
    std::string stored;
    ASSERT_TRUE(db.Get({}, (*database)->bodies(), key, &stored).ok());
    ASSERT_TRUE(db.Put({}, (*database)->bodies(), key, stored.substr(0, 30'000)).ok());
  }
  Open();
  ExpectCorrupt(kChunk, 100);
}

}  // namespace
}  // namespace restante::engine
