// Gives the disk back what was deleted. RocksDB's own compactions drop keys; the octets
// of bodies stay in their blob files until somebody moves what is live out of them. That
// costs as much writing as there is live, so it happens here alone: once so much of the
// store is garbage, in steps of bounded size, the oldest files first, with a pause after
// each that is as long as the step; without pauses while the disk is full.
//
// It also flushes what keeps write-ahead logs alive that nobody else needs.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/engine_options.h"
#include "storage-service/engine/free_space.h"

namespace restante::engine {

class Compactor {
 public:
  // `database` and `space` outlive this.
  Compactor(const Database& database, const FreeSpace& space, const EngineOptions& options);
  ~Compactor() { Stop(); }
  Compactor(const Compactor&) = delete;
  Compactor& operator=(const Compactor&) = delete;

  // So many octets of bodies were erased; they are on the disk still.
  void NoteErased(uint64_t octets) { erased_ += octets; }

  // What was deleted before this call is off the disk when `done` is called with OK.
  void Purge(Done<absl::Status> done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends what is under way soon; purges complete with CANCELLED.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  std::map<std::string, double> Stats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What the store takes, and what of it is known or expected to be garbage.
  struct Measure {
    uint64_t octets = 0;
    uint64_t garbage = 0;
    bool TooMuch(double share) const;
  };

  void Run();
  absl::Status Tidy();
  absl::Status PurgeAll();
  absl::Status FlushAll();
  absl::Status FlushIfLogsAreLarge();
  // Drops deleted keys: only then RocksDB knows what in its blob files is garbage.
  absl::Status DropKeys(bool all_levels);
  // Moves what is live out of the oldest files that have garbage. False: there are none.
  absl::StatusOr<bool> MoveBodies();
  // Until no more than this share is garbage.
  absl::Status MoveBodiesUntil(double share, bool pause);
  void Pause(absl::Duration how_long) ABSL_LOCKS_EXCLUDED(mutex_);
  Measure Look() const;
  uint64_t ErasedBefore() const;

  const Database& database_;
  const FreeSpace& space_;
  const EngineOptions options_;

  std::atomic<uint64_t> erased_{0};  // since keys were dropped
  std::atomic<bool> stopping_{false};

  mutable absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Done<absl::Status>> purges_ ABSL_GUARDED_BY(mutex_);
  struct Counters {
    uint64_t runs = 0;
    uint64_t failures = 0;
    uint64_t steps = 0;
    uint64_t returned_octets = 0;
    double seconds = 0;
    absl::Time last = absl::UnixEpoch();
    bool running = false;
  };
  Counters counters_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace restante::engine
