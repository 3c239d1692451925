// Many tasks under way at once, within a bound: what shares an fsync must be
// waiting together.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>

#include "storage-service/async/task.h"

namespace restante::store {

namespace concurrently_internal {

struct Progress {
  std::function<Task<void>(size_t)> step;
  size_t count = 0;
  std::atomic<size_t> next{0};
  std::atomic<size_t> lanes{0};
  Done<bool> done;
};

inline Task<void> RunLane(Progress* progress) {
  for (;;) {
    const size_t index = progress->next.fetch_add(1, std::memory_order_relaxed);
    if (index >= progress->count) co_return;
    Task<void> step = progress->step(index);
    co_await step;
  }
}

}  // namespace concurrently_internal

// Runs step(0) to step(count - 1), at most `limit` of them at a time, and is
// complete when all are. `step` is called on any thread, by several at once; it
// lives until the end, so it may be a lambda that captures and calls a coroutine.
inline Task<void> Concurrently(size_t count, size_t limit,
                               std::function<Task<void>(size_t)> step) {
  const size_t lanes = std::min(std::max<size_t>(limit, 1), count);
  if (lanes == 0) co_return;
  concurrently_internal::Progress progress;
  progress.step = std::move(step);
  progress.count = count;
  progress.lanes = lanes;
  auto all = Await<bool>([&progress, lanes](Done<bool> done) {
    progress.done = std::move(done);
    for (size_t i = 0; i < lanes; ++i) {
      Spawn(concurrently_internal::RunLane(&progress), [&progress] {
        if (progress.lanes.fetch_sub(1, std::memory_order_acq_rel) == 1) {
          // Taken out first: to call it may end the frame that holds it.
          Done<bool> finished = std::move(progress.done);
          std::move(finished)(true);
        }
      });
    }
  });
  co_await all;
}

}  // namespace restante::store
