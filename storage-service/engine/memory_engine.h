// An engine in memory, for tests: it keeps the contract of engine.h to the
// letter, and does on request what a disk does at the worst moment.
//
// Calls complete on the calling thread before they return, unless Options says
// otherwise or commits are held. Thread-safe throughout.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/engine/engine.h"
#include "storage-service/engine/memory_content.h"

namespace restante::engine {

class MemoryEngine : public Engine {
 public:
  struct Options {
    // Complete every call on a thread of the engine's, in order, as a call that
    // waits for a disk does.
    bool complete_on_another_thread = false;
  };

  enum class Call {
    kGet,
    kScan,
    kGetVersion,
    kCommit,
    kPutChunk,
    kReadBody,
    kAddReference,
    kRemoveReference,
    kGetReferences,
    kEraseBody,
    kListShards,
    kListBodies,
    kPurge,
  };

  // Whether a call that reports a failure was carried out all the same, as a
  // write whose answer was lost.
  enum class Effect { kNothingDone, kDone };

  // What becomes of commits that a crash meets on their way to the disk.
  enum class InFlight { kLost, kDurable };

  MemoryEngine();
  explicit MemoryEngine(Options options);
  // Held commits complete with CANCELLED.
  ~MemoryEngine() override;

  // The n-th call of this kind from now on (1: the next) reports `status`.
  void FailNth(Call call, size_t n, absl::Status status, Effect effect = Effect::kNothingDone);
  void FailNext(Call call, absl::Status status, Effect effect = Effect::kNothingDone) {
    FailNth(call, 1, std::move(status), effect);
  }
  // Every call of this kind reports `status`, until StopFailing.
  void FailAll(Call call, absl::Status status);
  void StopFailing();

  // How often a call was made.
  size_t calls(Call call) const;

  // Only the reserve is left, or there is room again.
  void SetFull(bool full);

  // From now on commits wait, neither visible nor durable, until they are
  // released, in the order in which they were submitted.
  void HoldCommits();
  // Releases the first `count` of those that wait, and goes on holding.
  void ReleaseCommits(size_t count);
  // Releases all, and holds no more.
  void ReleaseCommits();
  size_t held_commits() const;
  // Blocks until so many commits are held.
  void AwaitHeldCommits(size_t count) const;

  // The power fails: commits that are held complete with CANCELLED, and so does
  // every later call here. What was durable is in the engine returned, which has
  // the same options and the next epoch.
  std::unique_ptr<MemoryEngine> Crash(InFlight in_flight = InFlight::kLost);

  uint64_t epoch() const override { return epoch_; }
  void Get(const ShardId& shard, std::string key,
           Done<absl::StatusOr<std::optional<std::string>>> done) override;
  void Scan(ScanRequest request, Done<absl::StatusOr<ScanPage>> done) override;
  void GetVersion(const ShardId& shard, Done<absl::StatusOr<Version>> done) override;
  void Commit(CommitRequest request, Done<absl::StatusOr<Version>> done) override;
  // INVALID_ARGUMENT also for a short chunk that isn't the body's last.
  void PutChunk(const BodyId& body, uint32_t index, std::string data,
                Done<absl::Status> done) override;
  absl::Status CheckRoom() const override;
  void ReadBody(const BodyId& body, uint64_t offset, size_t length,
                Done<absl::StatusOr<std::string>> done) override;
  void AddReference(const BodyId& body, const BodyReference& reference,
                    Done<absl::Status> done) override;
  void RemoveReference(const BodyId& body, const BodyReference& reference,
                       Done<absl::Status> done) override;
  void GetReferences(const BodyId& body,
                     Done<absl::StatusOr<std::vector<BodyReference>>> done) override;
  void EraseBody(const BodyId& body, Done<absl::Status> done) override;
  void ListShards(ShardId::Kind kind, const Id128& after, size_t limit,
                  Done<absl::StatusOr<std::vector<Id128>>> done) override;
  void ListBodies(const BodyId& after, size_t limit,
                  Done<absl::StatusOr<std::vector<BodyInfo>>> done) override;
  void Purge(Done<absl::Status> done) override;
  std::map<std::string, double> Stats() const override;

 private:
  static constexpr size_t kCalls = static_cast<size_t>(Call::kPurge) + 1;

  struct Fault {
    size_t countdown = 0;  // 0: every call
    absl::Status status;
    Effect effect = Effect::kNothingDone;
  };
  struct HeldCommit {
    CommitRequest request;
    uint64_t changes_before = 0;
    Done<absl::StatusOr<Version>> done;
    Fault fault;
  };
  using Completion = absl::AnyInvocable<void() &&>;

  MemoryEngine(Options options, MemoryContent content, uint64_t epoch);

  // Counts the call, and answers the fault it meets, if any.
  Fault Meet(Call call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename T, typename Work>
  void Run(Call call, absl::Status checked, Done<T> done, Work work);
  void Finish(HeldCommit commit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Queue(Completion completion) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Runs what is queued, unless some thread does so already.
  void Drain();
  void RunCompletions();

  const Options options_;
  const uint64_t epoch_;

  mutable absl::Mutex mutex_;
  MemoryContent content_ ABSL_GUARDED_BY(mutex_);
  std::multimap<Call, Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::array<size_t, kCalls> calls_ ABSL_GUARDED_BY(mutex_){};
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  bool holding_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<HeldCommit> held_ ABSL_GUARDED_BY(mutex_);
  std::deque<Completion> completions_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace restante::engine
