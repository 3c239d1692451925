#include "storage-service/engine/memory_engine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/engine/request_checks.h"

namespace restante::engine {
namespace {

absl::Status EngineClosed() { return absl::CancelledError("the engine is closed"); }

}  // namespace

MemoryEngine::MemoryEngine() : MemoryEngine(Options{}) {}

MemoryEngine::MemoryEngine(Options options) : MemoryEngine(options, MemoryContent(), 1) {}

MemoryEngine::MemoryEngine(Options options, MemoryContent content, uint64_t epoch)
    : options_(options), epoch_(epoch), content_(std::move(content)) {
  if (options_.complete_on_another_thread) {
    thread_ = std::thread([this] { RunCompletions(); });
  }
}

MemoryEngine::~MemoryEngine() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    for (; !held_.empty(); held_.pop_front()) Finish(std::move(held_.front()));
    stopping_ = true;
  }
  Drain();
  if (thread_.joinable()) thread_.join();
}

void MemoryEngine::FailNth(Call call, size_t n, absl::Status status, Effect effect) {
  absl::MutexLock lock(&mutex_);
  faults_.emplace(call, Fault{n, std::move(status), effect});
}

void MemoryEngine::FailAll(Call call, absl::Status status) {
  FailNth(call, 0, std::move(status));
}

void MemoryEngine::StopFailing() {
  absl::MutexLock lock(&mutex_);
  faults_.clear();
}

size_t MemoryEngine::calls(Call call) const {
  absl::MutexLock lock(&mutex_);
  return calls_[static_cast<size_t>(call)];
}

MemoryEngine::Fault MemoryEngine::Meet(Call call) {
  ++calls_[static_cast<size_t>(call)];
  Fault met;
  auto [fault, end] = faults_.equal_range(call);
  while (fault != end) {
    if (fault->second.countdown == 0) {
      if (met.status.ok()) met = fault->second;
      ++fault;
    } else if (--fault->second.countdown == 0) {
      met = std::move(fault->second);
      fault = faults_.erase(fault);
    } else {
      ++fault;
    }
  }
  return met;
}

void MemoryEngine::SetFull(bool full) {
  absl::MutexLock lock(&mutex_);
  full_ = full;
}

absl::Status MemoryEngine::CheckRoom() const {
  absl::MutexLock lock(&mutex_);
  if (!full_) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_STORE_FULL, "only the reserve is left");
}

void MemoryEngine::HoldCommits() {
  absl::MutexLock lock(&mutex_);
  holding_ = true;
}

void MemoryEngine::ReleaseCommits(size_t count) {
  {
    absl::MutexLock lock(&mutex_);
    for (; count > 0 && !held_.empty(); --count, held_.pop_front()) {
      Finish(std::move(held_.front()));
    }
  }
  Drain();
}

void MemoryEngine::ReleaseCommits() {
  {
    absl::MutexLock lock(&mutex_);
    holding_ = false;
    for (; !held_.empty(); held_.pop_front()) Finish(std::move(held_.front()));
  }
  Drain();
}

size_t MemoryEngine::held_commits() const {
  absl::MutexLock lock(&mutex_);
  return held_.size();
}

void MemoryEngine::AwaitHeldCommits(size_t count) const {
  absl::MutexLock lock(&mutex_);
  auto enough = [this, count] {
    mutex_.AssertReaderHeld();
    return held_.size() >= count;
  };
  mutex_.Await(absl::Condition(&enough));
}

std::unique_ptr<MemoryEngine> MemoryEngine::Crash(InFlight in_flight) {
  std::unique_ptr<MemoryEngine> next;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    for (; !held_.empty(); held_.pop_front()) {
      HeldCommit& commit = held_.front();
      if (in_flight == InFlight::kDurable && commit.fault.status.ok()) {
        content_.Commit(commit.request, commit.changes_before).IgnoreError();
      }
      Finish(std::move(commit));
    }
    next.reset(new MemoryEngine(options_, content_.Durable(), epoch_ + 1));
  }
  Drain();
  return next;
}

void MemoryEngine::Finish(HeldCommit commit) {
  absl::StatusOr<Version> result = EngineClosed();
  if (!closed_ && commit.fault.status.ok()) {
    result = content_.Commit(commit.request, commit.changes_before);
  } else if (!closed_) {
    if (commit.fault.effect == Effect::kDone) {
      content_.Commit(commit.request, commit.changes_before).IgnoreError();
    }
    result = std::move(commit.fault.status);
  }
  Queue([done = std::move(commit.done), result = std::move(result)]() mutable {
    std::move(done)(std::move(result));
  });
}

void MemoryEngine::Queue(Completion completion) {
  completions_.push_back(std::move(completion));
}

// One thread at a time runs completions, so that commits complete in order; a
// call made from within one queues its own, and the stack doesn't grow.
void MemoryEngine::Drain() {
  if (options_.complete_on_another_thread) return;
  absl::MutexLock lock(&mutex_);
  if (draining_) return;
  draining_ = true;
  while (!completions_.empty()) {
    Completion completion = std::move(completions_.front());
    completions_.pop_front();
    mutex_.Unlock();
    std::move(completion)();
    mutex_.Lock();
  }
  draining_ = false;
}

void MemoryEngine::RunCompletions() {
  absl::MutexLock lock(&mutex_);
  auto ready = [this] {
    mutex_.AssertReaderHeld();
    return stopping_ || !completions_.empty();
  };
  while (true) {
    mutex_.Await(absl::Condition(&ready));
    if (completions_.empty()) return;
    Completion completion = std::move(completions_.front());
    completions_.pop_front();
    mutex_.Unlock();
    std::move(completion)();
    mutex_.Lock();
  }
}

// All calls but Commit: check, meet a fault, do the work, report.
template <typename T, typename Work>
void MemoryEngine::Run(Call call, absl::Status checked, Done<T> done, Work work) {
  std::optional<T> result;
  {
    absl::MutexLock lock(&mutex_);
    Fault fault = Meet(call);
    if (closed_) {
      result.emplace(EngineClosed());
    } else if (!checked.ok()) {
      result.emplace(std::move(checked));
    } else if (fault.status.ok()) {
      result.emplace(work(content_));
    } else {
      if (fault.effect == Effect::kDone) (void)work(content_);
      result.emplace(std::move(fault.status));
    }
    if (options_.complete_on_another_thread) {
      Queue([done = std::move(done), result = std::move(*result)]() mutable {
        std::move(done)(std::move(result));
      });
      return;
    }
  }
  std::move(done)(std::move(*result));
}

void MemoryEngine::Commit(CommitRequest request, Done<absl::StatusOr<Version>> done) {
  absl::Status checked = CheckCommit(request);
  {
    absl::MutexLock lock(&mutex_);
    Fault fault = Meet(Call::kCommit);
    if (!checked.ok()) fault = {0, std::move(checked), Effect::kNothingDone};
    HeldCommit commit{std::move(request), content_.changes(), std::move(done),
                      std::move(fault)};
    // One that is to fail waits too: commits complete in the order they came in.
    if (holding_ && !closed_) {
      held_.push_back(std::move(commit));
    } else {
      Finish(std::move(commit));
    }
  }
  Drain();
}

void MemoryEngine::Get(const ShardId& shard, std::string key,
                       Done<absl::StatusOr<std::optional<std::string>>> done) {
  using Result = absl::StatusOr<std::optional<std::string>>;
  Run(Call::kGet, CheckKey(key), std::move(done),
      [&](MemoryContent& content) { return Result(content.Get(shard, key)); });
}

void MemoryEngine::Scan(ScanRequest request, Done<absl::StatusOr<ScanPage>> done) {
  Run(Call::kScan, CheckScan(request), std::move(done),
      [&](MemoryContent& content) { return content.Scan(request); });
}

void MemoryEngine::GetVersion(const ShardId& shard, Done<absl::StatusOr<Version>> done) {
  Run(Call::kGetVersion, absl::OkStatus(), std::move(done),
      [&](MemoryContent& content) { return content.GetVersion(shard); });
}

void MemoryEngine::PutChunk(const BodyId& body, uint32_t index, std::string data,
                            Done<absl::Status> done) {
  absl::Status checked = CheckChunk(data.size());
  if (checked.ok()) checked = CheckRoom();
  Run(Call::kPutChunk, std::move(checked), std::move(done), [&](MemoryContent& content) {
    absl::Status status = content.CheckNeighbours(body, index, data.size());
    if (status.ok()) {
      content.Change(body, MemoryContent::PutChunk{
                               index, std::make_shared<const std::string>(std::move(data))});
    }
    return status;
  });
}

void MemoryEngine::ReadBody(const BodyId& body, uint64_t offset, size_t length,
                            Done<absl::StatusOr<std::string>> done) {
  Run(Call::kReadBody, CheckRead(length), std::move(done),
      [&](MemoryContent& content) { return content.ReadBody(body, offset, length); });
}

void MemoryEngine::AddReference(const BodyId& body, const BodyReference& reference,
                                Done<absl::Status> done) {
  Run(Call::kAddReference, absl::OkStatus(), std::move(done), [&](MemoryContent& content) {
    content.Change(body, MemoryContent::AddReference{reference});
    return absl::OkStatus();
  });
}

void MemoryEngine::RemoveReference(const BodyId& body, const BodyReference& reference,
                                   Done<absl::Status> done) {
  Run(Call::kRemoveReference, absl::OkStatus(), std::move(done), [&](MemoryContent& content) {
    content.Change(body, MemoryContent::RemoveReference{reference});
    return absl::OkStatus();
  });
}

void MemoryEngine::GetReferences(const BodyId& body,
                                 Done<absl::StatusOr<std::vector<BodyReference>>> done) {
  Run(Call::kGetReferences, absl::OkStatus(), std::move(done),
      [&](MemoryContent& content) { return content.GetReferences(body); });
}

void MemoryEngine::EraseBody(const BodyId& body, Done<absl::Status> done) {
  Run(Call::kEraseBody, absl::OkStatus(), std::move(done), [&](MemoryContent& content) {
    content.Change(body, MemoryContent::Erase{});
    return absl::OkStatus();
  });
}

void MemoryEngine::ListShards(ShardId::Kind kind, const Id128& after, size_t limit,
                              Done<absl::StatusOr<std::vector<Id128>>> done) {
  Run(Call::kListShards, CheckLimit(limit), std::move(done),
      [&](MemoryContent& content) { return content.ListShards(kind, after, limit); });
}

void MemoryEngine::ListBodies(const BodyId& after, size_t limit,
                              Done<absl::StatusOr<std::vector<BodyInfo>>> done) {
  Run(Call::kListBodies, CheckLimit(limit), std::move(done),
      [&](MemoryContent& content) { return content.ListBodies(after, limit); });
}

void MemoryEngine::Purge(Done<absl::Status> done) {
  // What is erased leaves nothing here.
  Run(Call::kPurge, absl::OkStatus(), std::move(done),
      [](MemoryContent&) { return absl::OkStatus(); });
}

std::map<std::string, double> MemoryEngine::Stats() const {
  absl::MutexLock lock(&mutex_);
  return {{"commits", static_cast<double>(calls_[static_cast<size_t>(Call::kCommit)])},
          {"held_commits", static_cast<double>(held_.size())}};
}

}  // namespace restante::engine
