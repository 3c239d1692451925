// The list of bodies whose deliveries are under way, in the service shard: what is
// still on it at the next start may be an orphan, and the reclaimer looks into it.
// Only bodies that take more than one commit are listed; a small message comes
// with its row or not at all.
//
// All changes go through one queue, since they share a shard: while a commit is
// under way the next ones gather behind it.
//
// Thread-safe.
#pragma once

#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/store.h"

namespace restante::store {

class PendingBodies {
 public:
  PendingBodies(engine::Engine* engine, const Clock* clock) : engine_(engine), clock_(clock) {}
  PendingBodies(const PendingBodies&) = delete;
  PendingBodies& operator=(const PendingBodies&) = delete;

  // Reads what the opening before has left. Before any other call.
  Task<absl::Status> Start();

  // The body is listed, durably.
  Task<absl::Status> Add(engine::BodyId body);

  // The body's fate is decided: it leaves the list, some time soon.
  void Remove(engine::BodyId body);

  // Nobody knows whether a row of this body was written. It is listed, and given
  // to the reclaimer.
  void Doubt(engine::BodyId body);

  // Bodies to look into: left by the opening before, or doubted since. Each is
  // given out once; Remove it, or Doubt it again.
  std::vector<engine::BodyId> TakeDoubtful();

 private:
  struct Entry {
    engine::BodyId body;
    bool listed = false;  // to be put on the list, or taken off
    Done<absl::Status> done;
  };

  void Enqueue(Entry entry) ABSL_LOCKS_EXCLUDED(mutex_);
  Task<void> WriteQueue();
  Task<absl::Status> Write(const std::vector<Entry>* entries);

  engine::Engine* const engine_;
  const Clock* const clock_;

  absl::Mutex mutex_;
  std::vector<Entry> queue_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<engine::BodyId> doubtful_ ABSL_GUARDED_BY(mutex_);
  // Of the service shard; unknown after a failure. Only the writing task's.
  std::optional<engine::Version> version_;
};

}  // namespace restante::store
