#include "storage-service/engine/reader_pool.h"

#include <utility>

#include "rocksdb/perf_level.h"

namespace restante::engine {
namespace {

// About a hundred cached chunks: some milliseconds.
constexpr int kInlineJobs = 100;

// What this thread is to which pool.
thread_local const ReaderPool* pool_of_thread = nullptr;
thread_local int inline_jobs_left = 0;

}  // namespace

ReaderPool::ReaderPool(int threads, size_t queue_limit) : queue_limit_(queue_limit) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

bool ReaderPool::MayRunInline() const {
  return pool_of_thread == this && inline_jobs_left-- > 0;
}

ReaderPool::Posted ReaderPool::Post(Job& job) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return Posted::kStopped;
  if (jobs_.size() >= queue_limit_) return Posted::kFull;
  jobs_.push_back(std::move(job));
  return Posted::kQueued;
}

void ReaderPool::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

size_t ReaderPool::waiting() const {
  absl::MutexLock lock(&mutex_);
  return jobs_.size();
}

void ReaderPool::Run() {
  // RocksDB counts for each thread what every step of an iterator costs. Nobody reads it.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  pool_of_thread = this;
  auto ready = [this] {
    mutex_.AssertReaderHeld();
    return stopped_ || !jobs_.empty();
  };
  while (true) {
    Job job;
    Turn turn = Turn::kRun;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&ready));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      if (stopped_) turn = Turn::kCancelled;
    }
    inline_jobs_left = kInlineJobs;
    std::move(job)(turn);
  }
}

}  // namespace restante::engine
