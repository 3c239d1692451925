// The one writer of the store. Everything that changes it waits in one queue, in
// the order in which it came; the writer takes what is there, writes it at once
// with one fsync, and hands the answers to a second thread, so that it can begin
// the next write while callers go on. The batch forms while the disk is busy with
// the one before: no timer, and nothing waits while the disk is idle.
//
// After a write that failed, everything fails that was submitted before its answer
// was given: it may build on what was lost. Then RocksDB is asked now and then to
// go on, also when nobody writes: only then can it give room back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/engine/compactor.h"
#include "storage-service/engine/database.h"
#include "storage-service/engine/engine.h"
#include "storage-service/engine/engine_options.h"
#include "storage-service/engine/write_batcher.h"

namespace restante::engine {

class Committer {
 public:
  // `database` and `compactor` outlive this.
  Committer(const Database& database, const EngineOptions& options, Compactor& compactor);
  ~Committer() { Stop(); }

  // As Engine::Commit. OVERLOADED on the calling thread, when as many commits
  // wait as may; one alone may be of any size.
  void Submit(CommitRequest request, Done<absl::StatusOr<Version>> done);

  // A change of a body is always taken. It completes when it is written, which
  // is what holds a caller back that waits for it.
  void Submit(BodyChange change, Done<absl::Status> done);

  // What waits completes with CANCELLED, as does what is submitted later. Returns
  // when every answer was given.
  void Stop();

  std::map<std::string, double> Stats() const;

 private:
  struct Commit {
    CommitRequest request;
    Done<absl::StatusOr<Version>> done;
  };
  struct Change {
    BodyChange change;
    Done<absl::Status> done;
  };
  struct Work {
    std::variant<Commit, Change> what;
    size_t octets = 0;
    uint64_t generation = 0;
  };
  using Answer = absl::AnyInvocable<void() &&>;

  void RunWriter();
  void RunCompleter();
  // What is to be written next; blocks until there is some, or for a while: then it is
  // empty. Nothing: stopped.
  std::optional<std::vector<Work>> TakeBatch();
  void WriteBatch(std::vector<Work> batch);
  // OK when RocksDB takes writes, or takes them again.
  absl::Status Ready();
  // Fails these, and all that may build on them.
  void Fail(std::vector<Answer> answers);
  void Deliver(std::vector<Answer> answers);
  static Answer Failure(Work work, absl::Status status);

  const Database& database_;
  const EngineOptions options_;
  Compactor& compactor_;

  mutable absl::Mutex mutex_;
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_commits_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t queued_commit_octets_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Begins anew when the answers to a failed write were given.
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;

  struct Counters {
    uint64_t commits = 0;
    uint64_t commits_aborted = 0;
    uint64_t commits_refused = 0;
    uint64_t body_changes = 0;
    uint64_t durable_writes = 0;
    uint64_t other_writes = 0;
    uint64_t failed_writes = 0;
    double durable_write_seconds = 0;
    double other_write_seconds = 0;
    uint64_t written_octets = 0;
    uint64_t largest_batch_octets = 0;
    uint64_t largest_batch_commits = 0;
  };
  Counters counters_ ABSL_GUARDED_BY(mutex_);

  mutable absl::Mutex answers_mutex_;
  std::deque<std::vector<Answer>> answers_ ABSL_GUARDED_BY(answers_mutex_);
  bool no_more_answers_ ABSL_GUARDED_BY(answers_mutex_) = false;

  // The writer's own.
  WriteBatcher batcher_;
  uint64_t oldest_good_generation_ = 0;
  absl::Status broken_;  // not OK: the write that failed
  absl::Time next_resume_ = absl::InfinitePast();

  std::thread writer_;
  std::thread completer_;
};

}  // namespace restante::engine
