// A few threads that may wait for the disk, so that callers never do.
//
// Work that a reader thread asks for goes on there inline: a coroutine that reads
// body after body stays on its thread. After a while it goes to the end of the
// queue all the same, so that one that reads without end can't keep the others
// waiting.
#pragma once

#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace restante::engine {

class ReaderPool {
 public:
  enum class Turn { kRun, kCancelled };
  using Job = absl::AnyInvocable<void(Turn) &&>;

  ReaderPool(int threads, size_t queue_limit);
  ~ReaderPool() { Stop(); }

  // True when this thread is one of the pool's and may do one more job inline.
  bool MayRunInline() const;

  // Queues a job. When it was not taken, `job` is still the caller's.
  enum class Posted { kQueued, kFull, kStopped };
  Posted Post(Job& job);

  // Jobs that wait run with kCancelled, on the pool's threads; returns when all
  // are done.
  void Stop();

  size_t waiting() const;

 private:
  void Run();

  const size_t queue_limit_;
  mutable absl::Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace restante::engine
