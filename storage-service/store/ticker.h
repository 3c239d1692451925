// One thread that calls a function when it asks to be called: the store's timer.
#pragma once

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace restante::store {

class Ticker {
 public:
  // `tick` answers how long to wait for the next call, and must not block for
  // long. The first call is at once.
  explicit Ticker(std::function<absl::Duration()> tick);
  // Waits for a call under way.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // Calls as soon as possible.
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run();

  const std::function<absl::Duration()> tick_;
  absl::Mutex mutex_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace restante::store
