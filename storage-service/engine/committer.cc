#include "storage-service/engine/committer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/errors.h"
#include "storage-service/engine/request_checks.h"
#include "storage-service/engine/rocks_status.h"

namespace restante::engine {
namespace {

// What a queued call takes besides its keys and values.
constexpr size_t kCallOctets = 128;

absl::Status Closed() { return absl::CancelledError("the engine is shutting down"); }

}  // namespace

Committer::Committer(const Database& database, const EngineOptions& options,
                     Compactor& compactor)
    : database_(database),
      options_(options),
      compactor_(compactor),
      batcher_(database, options.cached_versions, options.sync_commits) {
  writer_ = std::thread([this] { RunWriter(); });
  completer_ = std::thread([this] { RunCompleter(); });
}

void Committer::Submit(CommitRequest request, Done<absl::StatusOr<Version>> done) {
  const size_t octets = OctetsOf(request) + kCallOctets;
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) {
      refused = Closed();
    } else if (queued_commits_ > 0 &&
               (queued_commits_ >= options_.queue_commits ||
                queued_commit_octets_ + octets > options_.queue_octets)) {
      ++counters_.commits_refused;
      refused = OverloadedError(
          absl::StrCat(queued_commits_, " commits of ", queued_commit_octets_, " octets wait"),
          absl::Seconds(1));
    } else {
      ++queued_commits_;
      queued_commit_octets_ += octets;
      queue_.push_back({Commit{std::move(request), std::move(done)}, octets, generation_});
      return;
    }
  }
  std::move(done)(std::move(refused));
}

void Committer::Submit(BodyChange change, Done<absl::Status> done) {
  const auto* put = std::get_if<ChunkPut>(&change);
  const size_t octets = (put != nullptr ? put->sealed.size() : 0) + kCallOctets;
  {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      queue_.push_back({Change{std::move(change), std::move(done)}, octets, generation_});
      return;
    }
  }
  std::move(done)(Closed());
}

void Committer::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  if (writer_.joinable()) writer_.join();
  {
    absl::MutexLock lock(&answers_mutex_);
    no_more_answers_ = true;
  }
  if (completer_.joinable()) completer_.join();
}

void Committer::RunWriter() {
  while (std::optional<std::vector<Work>> batch = TakeBatch()) {
    if (!batch->empty()) {
      WriteBatch(*std::move(batch));
    } else {
      Ready().IgnoreError();
    }
  }
  std::vector<Answer> cancelled;
  {
    absl::MutexLock lock(&mutex_);
    for (Work& work : queue_) cancelled.push_back(Failure(std::move(work), Closed()));
    queue_.clear();
  }
  Deliver(std::move(cancelled));
}

std::optional<std::vector<Committer::Work>> Committer::TakeBatch() {
  std::vector<Work> batch;
  absl::MutexLock lock(&mutex_);
  auto ready = [this] {
    mutex_.AssertReaderHeld();
    return stopped_ || !queue_.empty();
  };
  mutex_.AwaitWithTimeout(absl::Condition(&ready), options_.resume_interval);
  if (stopped_) return std::nullopt;
  size_t octets = 0;
  while (!queue_.empty() &&
         (batch.empty() || octets + queue_.front().octets <= options_.batch_octets)) {
    octets += queue_.front().octets;
    if (std::holds_alternative<Commit>(queue_.front().what)) {
      --queued_commits_;
      queued_commit_octets_ -= queue_.front().octets;
    }
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

Committer::Answer Committer::Failure(Work work, absl::Status status) {
  return [what = std::move(work.what), status = std::move(status)]() mutable {
    if (auto* commit = std::get_if<Commit>(&what)) {
      std::move(commit->done)(std::move(status));
    } else {
      std::move(std::get<Change>(what).done)(std::move(status));
    }
  };
}

absl::Status Committer::Ready() {
  if (broken_.ok()) {
    if (!database_.background_errors().Take()) return absl::OkStatus();
    broken_ = MakeError(v1::ERROR_REASON_STORE_FAILURE, "the store failed in the background");
  }
  if (absl::Now() < next_resume_) return broken_;
  database_.background_errors().Take();
  const rocksdb::Status resumed = database_.db().Resume();
  broken_ = FromRocks(resumed, "cannot write");
  next_resume_ = resumed.ok() ? absl::InfinitePast() : absl::Now() + options_.resume_interval;
  return broken_;
}

void Committer::WriteBatch(std::vector<Work> batch) {
  // What each call in the batch is to be told if the write succeeds.
  std::vector<absl::StatusOr<Version>> results;
  results.reserve(batch.size());
  Counters added;
  absl::Status failure = Ready();
  for (Work& work : batch) {
    added.written_octets += work.octets;
    if (work.generation < oldest_good_generation_ || !failure.ok()) {
      results.push_back(broken_.ok() ? MakeError(v1::ERROR_REASON_STORE_FAILURE,
                                                 "a write before this one failed")
                                     : broken_);
    } else if (auto* commit = std::get_if<Commit>(&work.what)) {
      results.push_back(batcher_.Add(commit->request));
      ++(results.back().ok() ? added.commits : added.commits_aborted);
    } else {
      const absl::Status status = batcher_.Add(std::get<Change>(work.what).change);
      results.push_back(status.ok() ? absl::StatusOr<Version>(Version{0}) : status);
      ++added.body_changes;
    }
  }
  const absl::Time begin = absl::Now();
  if (failure.ok()) {
    const uint64_t erased = batcher_.erased_octets();
    failure = batcher_.Write();
    if (failure.ok()) {
      compactor_.NoteErased(erased);
    } else {
      broken_ = failure;
      ++added.failed_writes;
    }
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  {
    absl::MutexLock lock(&mutex_);
    counters_.commits_aborted += added.commits_aborted;
    counters_.failed_writes += added.failed_writes;
    if (failure.ok()) {
      counters_.commits += added.commits;
      counters_.body_changes += added.body_changes;
      counters_.written_octets += added.written_octets;
      ++(added.commits > 0 ? counters_.durable_writes : counters_.other_writes);
      (added.commits > 0 ? counters_.durable_write_seconds : counters_.other_write_seconds) +=
          seconds;
      counters_.largest_batch_octets =
          std::max(counters_.largest_batch_octets, added.written_octets);
      counters_.largest_batch_commits =
          std::max(counters_.largest_batch_commits, added.commits);
    }
  }

  std::vector<Answer> answers;
  answers.reserve(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    if (results[i].ok() && !failure.ok()) results[i] = failure;
    if (!results[i].ok()) {
      answers.push_back(Failure(std::move(batch[i]), results[i].status()));
    } else if (auto* commit = std::get_if<Commit>(&batch[i].what)) {
      answers.push_back([done = std::move(commit->done), version = *results[i]]() mutable {
        std::move(done)(version);
      });
    } else {
      answers.push_back([done = std::move(std::get<Change>(batch[i].what).done)]() mutable {
        std::move(done)(absl::OkStatus());
      });
    }
  }
  if (failure.ok()) {
    Deliver(std::move(answers));
  } else {
    Fail(std::move(answers));
  }
}

void Committer::Fail(std::vector<Answer> answers) {
  {
    absl::MutexLock lock(&mutex_);
    oldest_good_generation_ = generation_ + 1;
  }
  answers.push_back([this] {
    absl::MutexLock lock(&mutex_);
    ++generation_;
  });
  Deliver(std::move(answers));
}

void Committer::Deliver(std::vector<Answer> answers) {
  if (answers.empty()) return;
  absl::MutexLock lock(&answers_mutex_);
  answers_.push_back(std::move(answers));
}

void Committer::RunCompleter() {
  auto ready = [this] {
    answers_mutex_.AssertReaderHeld();
    return no_more_answers_ || !answers_.empty();
  };
  while (true) {
    std::deque<std::vector<Answer>> taken;
    {
      absl::MutexLock lock(&answers_mutex_);
      answers_mutex_.Await(absl::Condition(&ready));
      if (answers_.empty()) return;
      taken.swap(answers_);
    }
    for (std::vector<Answer>& answers : taken) {
      for (Answer& answer : answers) {
        Answer once = std::move(answer);
        std::move(once)();
      }
    }
  }
}

std::map<std::string, double> Committer::Stats() const {
  absl::MutexLock lock(&mutex_);
  const Counters& counters = counters_;
  return {
      {"commits_total", static_cast<double>(counters.commits)},
      {"commits_aborted_total", static_cast<double>(counters.commits_aborted)},
      {"commits_refused_total", static_cast<double>(counters.commits_refused)},
      {"body_changes_total", static_cast<double>(counters.body_changes)},
      {"durable_writes_total", static_cast<double>(counters.durable_writes)},
      {"durable_write_seconds_total", counters.durable_write_seconds},
      {"other_writes_total", static_cast<double>(counters.other_writes)},
      {"other_write_seconds_total", counters.other_write_seconds},
      {"failed_writes_total", static_cast<double>(counters.failed_writes)},
      {"written_octets_total", static_cast<double>(counters.written_octets)},
      {"largest_batch_octets", static_cast<double>(counters.largest_batch_octets)},
      {"largest_batch_commits", static_cast<double>(counters.largest_batch_commits)},
      {"queued_calls", static_cast<double>(queue_.size())},
      {"queued_commit_octets", static_cast<double>(queued_commit_octets_)},
  };
}

}  // namespace restante::engine
