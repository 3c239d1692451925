// How many messages a second the engine makes durable, next to RocksDB alone with
// the same writes on the same disk.
//
//   engine_bench [--directory DIR] [--seconds S] [--submitters 1,8,64] [--rocks-alone]
//                [--json]
//
// A message is a body of 4 KiB, its reference and a row of 200 octets. The engine
// has so many messages under way, each submitted when the one before is complete;
// RocksDB alone has so many threads, each in Write with sync. Not a test.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "nlohmann/json.hpp"
#include "rocksdb/db.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/key_codec.h"
#include "storage-service/engine/rocks_engine.h"

namespace restante::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBodyOctets = 4096;
constexpr size_t kRowOctets = 200;

Id128 NextId() {
  static std::atomic<uint64_t> next{1};
  Id128 id;
  // Spread over the key space, as random ids are.
  const uint64_t number = next++ * 0x9E3779B97F4A7C15u;
  for (int i = 0; i < 8; ++i) id.octets[i] = static_cast<uint8_t>(number >> (8 * i));
  return id;
}

std::string Row(Version version) { return absl::StrCat("row", 1'000'000'000 + version); }

// One submitter: the next message goes out when the last is durable.
class Chain {
 public:
  Chain(Engine& engine, Clock::time_point end, absl::BlockingCounter& running)
      : engine_(engine), end_(end), running_(running), mailbox_(NextId()) {}

  void Submit() {
    const BodyId body = NextId();
    engine_.PutChunk(body, 0, std::string(kBodyOctets, 'x'), [](absl::Status) {});
    engine_.AddReference(body, {mailbox_, static_cast<uint32_t>(version_ + 1)},
                         [](absl::Status) {});
    engine_.Commit({.shard = {ShardId::Kind::kMailbox, mailbox_},
                    .expected = version_,
                    .puts = {{Row(version_), std::string(kRowOctets, 'r')}}},
                   [this](absl::StatusOr<Version> version) { Complete(version); });
  }

  uint64_t messages() const { return version_; }

 private:
  void Complete(absl::StatusOr<Version> version) {
    if (!version.ok()) {
      std::fprintf(stderr, "commit: %s\n", version.status().ToString().c_str());
      std::exit(1);
    }
    version_ = *version;
    if (Clock::now() < end_) {
      Submit();
    } else {
      running_.DecrementCount();
    }
  }

  Engine& engine_;
  const Clock::time_point end_;
  absl::BlockingCounter& running_;
  const Id128 mailbox_;
  Version version_ = 0;
};

struct EngineFigures {
  double per_second = 0;
  double commits_a_write = 0;
  double microseconds_a_write = 0;
};

EngineFigures EngineRate(const std::string& path, int submitters, double seconds) {
  absl::StatusOr<std::unique_ptr<Engine>> engine = RocksEngine::Open(path);
  if (!engine.ok()) {
    std::fprintf(stderr, "%s\n", engine.status().ToString().c_str());
    std::exit(1);
  }
  absl::BlockingCounter running(submitters);
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration_cast<Clock::duration>(
                               std::chrono::duration<double>(seconds));
  std::vector<std::unique_ptr<Chain>> chains;
  for (int i = 0; i < submitters; ++i) {
    chains.push_back(std::make_unique<Chain>(**engine, end, running));
    chains.back()->Submit();
  }
  running.Wait();
  uint64_t messages = 0;
  for (const auto& chain : chains) messages += chain->messages();
  const double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
  std::map<std::string, double> stats = (*engine)->Stats();
  return {.per_second = static_cast<double>(messages) / elapsed,
          .commits_a_write = stats["commits_total"] / stats["durable_writes_total"],
          .microseconds_a_write =
              1e6 * stats["durable_write_seconds_total"] / stats["durable_writes_total"]};
}

double RocksRate(const std::string& path, int writers, double seconds) {
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(path, {}, Database::Recovery::kRefuseDamage);
  if (!database.ok()) {
    std::fprintf(stderr, "%s\n", database.status().ToString().c_str());
    std::exit(1);
  }
  std::atomic<uint64_t> messages{0};
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&] {
      const ShardId mailbox{ShardId::Kind::kMailbox, NextId()};
      rocksdb::WriteOptions write;
      write.sync = true;
      for (Version version = 0;
           std::chrono::duration<double>(Clock::now() - begin).count() < seconds; ++version) {
        const BodyId body = NextId();
        const std::string chunk = keys::Chunk(body, 0);
        rocksdb::WriteBatch batch;
        batch.Put((*database)->bodies(), chunk,
                  keys::SealChunk(chunk, std::string(kBodyOctets, 'x')));
        batch.Put((*database)->bodies(), keys::ChunkRecord(body, 0),
                  keys::EncodeLength(kBodyOctets));
        batch.Put((*database)->bodies(),
                  keys::ReferenceRecord(body, {mailbox.id, static_cast<uint32_t>(version)}),
                  "");
        rocksdb::ColumnFamilyHandle* rows = (*database)->shards(mailbox.kind);
        batch.Put(rows, keys::Entry(mailbox, Row(version)), std::string(kRowOctets, 'r'));
        batch.Put(rows, keys::VersionRecord(mailbox), keys::EncodeNumber(version + 1));
        if (!(*database)->db().Write(write, &batch).ok()) std::exit(1);
        ++messages;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(messages) /
         std::chrono::duration<double>(Clock::now() - begin).count();
}

int Main(int argc, char** argv) {
  CLI::App app("What the engine makes durable, next to RocksDB alone.");
  std::string parent = std::filesystem::temp_directory_path();
  double seconds = 3;
  std::vector<int> submitters = {1, 8, 64};
  bool rocks_alone = false;
  bool json = false;
  app.add_option("--directory", parent, "where the databases are made, on a disk");
  app.add_option("--seconds", seconds, "of each measurement")->check(CLI::PositiveNumber);
  app.add_option("--submitters", submitters, "how many at once")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_flag("--rocks-alone", rocks_alone, "leave the engine out");
  app.add_flag("--json", json, "figures for programs");
  CLI11_PARSE(app, argc, argv);

  std::string directory = parent + "/restante-bench-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    std::perror(directory.c_str());
    return 1;
  }
  nlohmann::ordered_json figures;
  for (const int count : submitters) {
    const double rocks = RocksRate(absl::StrCat(directory, "/rocks", count), count, seconds);
    nlohmann::ordered_json& row = figures[std::to_string(count)];
    row["rocks_per_second"] = rocks;
    std::filesystem::remove_all(absl::StrCat(directory, "/rocks", count));
    if (!rocks_alone) {
      const EngineFigures engine =
          EngineRate(absl::StrCat(directory, "/engine", count), count, seconds);
      row["engine_per_second"] = engine.per_second;
      row["commits_a_write"] = engine.commits_a_write;
      row["microseconds_a_write"] = engine.microseconds_a_write;
      std::filesystem::remove_all(absl::StrCat(directory, "/engine", count));
    }
    if (!json) std::printf("%2d submitters: %s\n", count, row.dump().c_str());
  }
  if (json) std::printf("%s\n", figures.dump().c_str());
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace restante::engine

int main(int argc, char** argv) { return restante::engine::Main(argc, argv); }
