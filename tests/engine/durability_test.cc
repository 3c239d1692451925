// What was acknowledged is there after a power loss, whenever it comes: on a file
// system that forgets whatever was not synced. The same check is seen to fail when
// commits don't sync.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/engine/rocks_engine.h"
#include "tests/engine/engine_harness.h"
#include "tests/engine/forgetful_file_system.h"

namespace restante::engine {
namespace {

constexpr int kWriters = 4;

BodyId BodyOf(int writer, Version version) { return IdOf((writer + 1) * 1'000'000 + version); }

// The size of a body follows from its place, as does its content.
size_t OctetsOf(int writer, Version version) {
  std::mt19937_64 random(writer * 7919 + version);
  return random() % 4 == 0 ? 1 + random() % 200'000 : 1 + random() % 5'000;
}

// What the writers were told, over all rounds.
struct Acknowledged {
  std::atomic<Version> version[kWriters] = {};
  absl::Mutex mutex;
  size_t count ABSL_GUARDED_BY(mutex) = 0;
};

// Writes bodies with a reference and a row each, until a call fails.
void WriteUntilItFails(Engine& engine, int writer, Version version, Acknowledged& told) {
  Blocking blocking(engine);
  while (true) {
    const BodyId body = BodyOf(writer, version + 1);
    const std::string data = Octets(OctetsOf(writer, version + 1), body.octets[15]);
    for (size_t at = 0; at < data.size(); at += Engine::kChunkOctets) {
      if (!blocking
               .PutChunk(body, static_cast<uint32_t>(at / Engine::kChunkOctets),
                         data.substr(at, Engine::kChunkOctets))
               .ok()) {
        return;
      }
    }
    if (!blocking.AddReference(body, {IdOf(writer + 1), 1}).ok()) return;
    absl::StatusOr<Version> committed =
        blocking.Commit({.shard = Mailbox(writer + 1),
                         .expected = version,
                         .puts = {{absl::StrCat("row", 1'000'000 + version + 1), "row"}}});
    if (!committed.ok()) return;
    version = *committed;
    told.version[writer] = version;
    absl::MutexLock lock(&told.mutex);
    ++told.count;
  }
}

// Every row has its whole body and its reference, and there are as many rows as
// the version says. Returns the version.
Version CheckMailbox(Engine& engine, int writer) {
  Blocking blocking(engine);
  const Version version = blocking.GetVersion(Mailbox(writer + 1)).value_or(0);
  absl::StatusOr<ScanPage> rows =
      blocking.Scan({.shard = Mailbox(writer + 1), .max_entries = 100'000});
  EXPECT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->entries.size(), version);
  for (Version row = 1; row <= version; ++row) {
    const BodyId body = BodyOf(writer, row);
    const std::string expected = Octets(OctetsOf(writer, row), body.octets[15]);
    for (size_t at = 0; at < expected.size(); at += Engine::kChunkOctets) {
      absl::StatusOr<std::string> part = blocking.ReadBody(body, at, Engine::kChunkOctets);
      EXPECT_TRUE(part.ok()) << part.status();
      EXPECT_TRUE(part.value_or("") == expected.substr(at, Engine::kChunkOctets));
    }
    EXPECT_EQ(blocking.GetReferences(body)->size(), 1u);
  }
  return version;
}

// Writes and crashes over and over; how many acknowledged commits were lost.
Version CommitsLost(EngineOptions options, int rounds, uint64_t seed) {
  TestDirectory directory;
  auto file_system = std::make_shared<ForgetfulFileSystem>();
  options.file_system = file_system;
  std::mt19937_64 random(seed);
  Acknowledged told;
  Version lost = 0;
  uint64_t epoch = 0;
  for (int round = 0; round <= rounds; ++round) {
    absl::StatusOr<std::unique_ptr<Engine>> engine =
        RocksEngine::Open(directory.store(), options);
    EXPECT_TRUE(engine.ok()) << engine.status();
    if (!engine.ok()) return lost;
    EXPECT_GT((*engine)->epoch(), epoch);
    epoch = (*engine)->epoch();
    Version versions[kWriters];
    for (int writer = 0; writer < kWriters; ++writer) {
      versions[writer] = CheckMailbox(**engine, writer);
      const Version acknowledged = told.version[writer];
      if (versions[writer] < acknowledged) lost += acknowledged - versions[writer];
      told.version[writer] = versions[writer];
    }
    if (round == rounds) break;

    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back(
          [&, writer] { WriteUntilItFails(**engine, writer, versions[writer], told); });
    }
    {
      absl::MutexLock lock(&told.mutex);
      size_t crash_at = told.count + 1 + random() % 40;
      auto enough = [&] {
        told.mutex.AssertReaderHeld();
        return told.count >= crash_at;
      };
      told.mutex.Await(absl::Condition(&enough));
    }
    file_system->Freeze();
    for (std::thread& writer : writers) writer.join();
    engine->reset();
    file_system->LoseUnsynced(random() % 2 == 0 ? 0 : random() % 20'000);
  }
  return lost;
}

TEST(Durability, NoAcknowledgedCommitIsLostInAPowerLoss) {
  EXPECT_EQ(CommitsLost({}, 10, 1), 0u);
}

// With small memtables the log is changed while body data in the old one waits
// for a sync, and flushes are under way when the power fails.
TEST(Durability, NoneIsLostWhileTheLogIsRotatedAndMemtablesAreFlushed) {
  EngineOptions options;
  options.write_buffer_octets = 512 * 1024;
  EXPECT_EQ(CommitsLost(options, 5, 2), 0u);
}

TEST(Durability, TheCheckFindsCommitsLostWhenTheyAreNotSynced) {
  EngineOptions options;
  options.sync_commits = false;
  EXPECT_GT(CommitsLost(options, 3, 3), 0u);
}

TEST(Durability, BodyDataInAnOlderLogIsSyncedByTheCommit) {
  TestDirectory directory;
  auto file_system = std::make_shared<ForgetfulFileSystem>();
  EngineOptions options;
  options.file_system = file_system;
  options.write_buffer_octets = 1 << 20;  // a memtable of bodies holds four chunks
  constexpr uint32_t kChunks = 32;
  {
    absl::StatusOr<std::unique_ptr<Engine>> engine =
        RocksEngine::Open(directory.store(), options);
    ASSERT_TRUE(engine.ok()) << engine.status();
    Blocking blocking(**engine);
    for (uint32_t i = 0; i < kChunks; ++i) {
      ASSERT_TRUE(blocking.PutChunk(IdOf(1), i, Octets(Engine::kChunkOctets, i)).ok());
    }
    ASSERT_TRUE(blocking.Commit({.shard = Mailbox(1)}).ok());
    file_system->Freeze();
  }
  file_system->LoseUnsynced(0);
  absl::StatusOr<std::unique_ptr<Engine>> engine =
      RocksEngine::Open(directory.store(), options);
  ASSERT_TRUE(engine.ok()) << engine.status();
  Blocking blocking(**engine);
  for (uint32_t i = 0; i < kChunks; ++i) {
    EXPECT_TRUE(
        blocking.ReadBody(IdOf(1), uint64_t{i} * Engine::kChunkOctets, Engine::kChunkOctets)
            .value_or("") == Octets(Engine::kChunkOctets, i))
        << i;
  }
}

TEST(Durability, AnEpochIsDurableWhenTheEngineOpens) {
  TestDirectory directory;
  auto file_system = std::make_shared<ForgetfulFileSystem>();
  EngineOptions options;
  options.file_system = file_system;
  uint64_t epoch = 0;
  for (int i = 0; i < 4; ++i) {
    absl::StatusOr<std::unique_ptr<Engine>> engine =
        RocksEngine::Open(directory.store(), options);
    ASSERT_TRUE(engine.ok()) << engine.status();
    EXPECT_GT((*engine)->epoch(), epoch);
    epoch = (*engine)->epoch();
    file_system->Freeze();
    engine->reset();
    file_system->LoseUnsynced(0);
  }
}

}  // namespace
}  // namespace restante::engine
