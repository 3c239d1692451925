// Several tasks at once: starts all of them, and completes when the last does.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "storage-service/async/task.h"

namespace restante::store {

// Results in the order of the tasks. The tasks are started in that order, on this
// thread, each up to where it first waits.
template <typename T>
Task<std::vector<T>> JoinAll(std::vector<Task<T>> tasks) {
  struct Joined {
    std::vector<std::optional<T>> results;
    std::atomic<size_t> missing{0};
  };
  auto joined = std::make_shared<Joined>();
  joined->results.resize(tasks.size());
  // One more than there are, so that nothing completes before all are started.
  joined->missing = tasks.size() + 1;

  using Results = std::vector<std::optional<T>>;
  Results results = co_await Await<Results>([&](Done<Results> done) {
    auto shared_done = std::make_shared<Done<Results>>(std::move(done));
    const auto arrive = [joined, shared_done] {
      if (joined->missing.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::move (*shared_done)(std::move(joined->results));
      }
    };
    for (size_t i = 0; i < tasks.size(); ++i) {
      Spawn<T>(std::move(tasks[i]), [joined, arrive, i](T result) {
        joined->results[i].emplace(std::move(result));
        arrive();
      });
    }
    arrive();
  });
  std::vector<T> plain;
  plain.reserve(results.size());
  for (std::optional<T>& result : results) plain.push_back(*std::move(result));
  co_return plain;
}

}  // namespace restante::store
