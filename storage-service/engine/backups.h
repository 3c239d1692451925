// Copies of a store, taken while it is in use: what an operator goes back to. Each is
// consistent, and shares with those before it every file that both have; each file's
// checksum is kept and can be verified.
//
// Threads: as engine.h. One call is carried out at a time, off the caller's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"

namespace restante::engine {

class Engine;

struct BackupInfo {
  uint32_t id = 0;  // grows
  absl::Time taken;
  uint64_t octets = 0;  // of its files, shared ones included
  uint64_t files = 0;
};

// The one of this id, or the newest; with `before`, the newest that was taken by then.
struct BackupChoice {
  std::optional<uint32_t> id;
  std::optional<absl::Time> before;
};

class Backups {
 public:
  virtual ~Backups() = default;

  // All that was acknowledged before the call is in it. STORE_FULL, STORE_FAILURE.
  virtual void Create(Done<absl::StatusOr<BackupInfo>> done) = 0;

  // Oldest first; those that are whole as far as their lists of files go.
  virtual void List(Done<absl::StatusOr<std::vector<BackupInfo>>> done) = 0;

  // Removes all but the newest `keep`, at least 1. How many are gone.
  virtual void Prune(uint32_t keep, Done<absl::StatusOr<uint64_t>> done) = 0;

  // A backup as an engine that can only be read: every change fails. Give it back by
  // Close, from any thread. NOT_FOUND says what there is.
  struct Opened {
    BackupInfo info;
    std::unique_ptr<Engine> engine;
  };
  virtual void Open(BackupChoice choice, Done<absl::StatusOr<Opened>> done) = 0;
  virtual void Close(std::unique_ptr<Engine> backup) = 0;
};

}  // namespace restante::engine
