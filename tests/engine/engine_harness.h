// What the engine's tests share: blocking forms of its calls, and a directory of
// the test's own.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "storage-service/engine/engine.h"

namespace restante::engine {

// Starts a call and waits for its result.
template <typename T, typename Start>
T Wait(Start start) {
  absl::Notification completed;
  std::optional<T> result;
  start(Done<T>([&](T value) {
    result.emplace(std::move(value));
    completed.Notify();
  }));
  completed.WaitForNotification();
  return std::move(*result);
}

// A call whose result is wanted later.
template <typename T>
class Pending {
 public:
  Done<T> done() {
    return [this](T value) {
      result_.emplace(std::move(value));
      completed_.Notify();
    };
  }
  bool complete() const { return completed_.HasBeenNotified(); }
  const T& Get() {
    completed_.WaitForNotification();
    return *result_;
  }

 private:
  absl::Notification completed_;
  std::optional<T> result_;
};

// Of a scan, or for a commit.
using Entries = std::vector<std::pair<std::string, std::string>>;

// An engine's calls, blocking.
class Blocking {
 public:
  explicit Blocking(Engine& engine) : engine_(engine) {}

  absl::StatusOr<std::optional<std::string>> Get(const ShardId& shard, std::string key) {
    return Wait<absl::StatusOr<std::optional<std::string>>>(
        [&](auto done) { engine_.Get(shard, std::move(key), std::move(done)); });
  }
  absl::StatusOr<ScanPage> Scan(ScanRequest request) {
    return Wait<absl::StatusOr<ScanPage>>(
        [&](auto done) { engine_.Scan(std::move(request), std::move(done)); });
  }
  absl::StatusOr<Version> GetVersion(const ShardId& shard) {
    return Wait<absl::StatusOr<Version>>(
        [&](auto done) { engine_.GetVersion(shard, std::move(done)); });
  }
  absl::StatusOr<Version> Commit(CommitRequest request) {
    return Wait<absl::StatusOr<Version>>(
        [&](auto done) { engine_.Commit(std::move(request), std::move(done)); });
  }
  absl::Status PutChunk(const BodyId& body, uint32_t index, std::string data) {
    return Wait<absl::Status>(
        [&](auto done) { engine_.PutChunk(body, index, std::move(data), std::move(done)); });
  }
  absl::StatusOr<std::string> ReadBody(const BodyId& body, uint64_t offset, size_t length) {
    return Wait<absl::StatusOr<std::string>>(
        [&](auto done) { engine_.ReadBody(body, offset, length, std::move(done)); });
  }
  absl::Status AddReference(const BodyId& body, const BodyReference& reference) {
    return Wait<absl::Status>(
        [&](auto done) { engine_.AddReference(body, reference, std::move(done)); });
  }
  absl::Status RemoveReference(const BodyId& body, const BodyReference& reference) {
    return Wait<absl::Status>(
        [&](auto done) { engine_.RemoveReference(body, reference, std::move(done)); });
  }
  absl::StatusOr<std::vector<BodyReference>> GetReferences(const BodyId& body) {
    return Wait<absl::StatusOr<std::vector<BodyReference>>>(
        [&](auto done) { engine_.GetReferences(body, std::move(done)); });
  }
  absl::Status EraseBody(const BodyId& body) {
    return Wait<absl::Status>([&](auto done) { engine_.EraseBody(body, std::move(done)); });
  }
  absl::StatusOr<std::vector<Id128>> ListShards(ShardId::Kind kind, const Id128& after,
                                                size_t limit) {
    return Wait<absl::StatusOr<std::vector<Id128>>>(
        [&](auto done) { engine_.ListShards(kind, after, limit, std::move(done)); });
  }
  absl::StatusOr<std::vector<BodyInfo>> ListBodies(const BodyId& after, size_t limit) {
    return Wait<absl::StatusOr<std::vector<BodyInfo>>>(
        [&](auto done) { engine_.ListBodies(after, limit, std::move(done)); });
  }

 private:
  Engine& engine_;
};

// A directory under the system's temporary one, gone with this object.
class TestDirectory {
 public:
  TestDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "restante-engine-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  std::string path() const { return path_; }
  // A store in it, that is yet to be made.
  std::string store() const { return path_ + "/store"; }

 private:
  std::string path_;
};

// An id that sorts by its number.
inline Id128 IdOf(uint64_t number) {
  Id128 id;
  for (int i = 0; i < 8; ++i) id.octets[15 - i] = static_cast<uint8_t>(number >> (8 * i));
  return id;
}

inline ShardId Mailbox(uint64_t number) { return {ShardId::Kind::kMailbox, IdOf(number)}; }

// Octets that differ from chunk to chunk and from seed to seed.
inline std::string Octets(size_t count, uint64_t seed = 1) {
  std::string octets(count, '\0');
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (char& octet : octets) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    octet = static_cast<char>(state >> 56);
  }
  return octets;
}

}  // namespace restante::engine
