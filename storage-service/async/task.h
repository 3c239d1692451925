// Coroutines of the storage service: a lazy Task, and the two bridges between
// it and code that takes callbacks.
//
// A task starts when it is awaited (or given to Spawn) on the awaiting thread.
// It resumes on whatever thread completes what it waits for: an engine's reader
// thread, the committer's completion thread. Code in a task must therefore not
// block, and must not hold a mutex across co_await.
//
// Operations that complete at once resume nothing and use no stack: a loop over
// a million cached reads neither suspends nor recurses, in debug builds as well.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace restante {

// How a callback-taking operation reports its one result.
template <typename T>
using Done = absl::AnyInvocable<void(T) &&>;

namespace task_internal {

// Meeting point of "the operation is complete" and "somebody waits for it":
// whichever comes second goes on.
class Rendezvous {
 public:
  // True when the other side was here before.
  bool Arrive() { return arrived_.exchange(true, std::memory_order_acq_rel); }

 private:
  std::atomic<bool> arrived_{false};
};

struct PromiseBase {
  std::coroutine_handle<> continuation;
  Rendezvous rendezvous;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    void await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
      PromiseBase& promise = finished.promise();
      // After Arrive the frame may be destroyed by the awaiting thread.
      const std::coroutine_handle<> continuation = promise.continuation;
      if (promise.rendezvous.Arrive()) continuation.resume();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  // The store's code reports errors as values; an exception is a bug.
  void unhandled_exception() const noexcept { std::terminate(); }
};

}  // namespace task_internal

template <typename T>
class [[nodiscard]] Task {
 public:
  struct promise_type : task_internal::PromiseBase {
    std::optional<T> value;
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    template <typename U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) noexcept {
    auto& promise = handle_.promise();
    promise.continuation = awaiting;
    handle_.resume();
    return !promise.rendezvous.Arrive();
  }
  T await_resume() { return std::move(*handle_.promise().value); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

template <>
class [[nodiscard]] Task<void> {
 public:
  struct promise_type : task_internal::PromiseBase {
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    void return_void() const noexcept {}
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) noexcept {
    auto& promise = handle_.promise();
    promise.continuation = awaiting;
    handle_.resume();
    return !promise.rendezvous.Arrive();
  }
  void await_resume() const noexcept {}

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// Awaits an operation that reports through a Done<T>:
//
//   auto page = co_await Await<absl::StatusOr<ScanPage>>(
//       [&](auto done) { engine.Scan(request, std::move(done)); });
//
// `start` is called once, at co_await; it lives in the awaiting frame.
template <typename T, typename Start>
class AwaitOperation {
 public:
  explicit AwaitOperation(Start start) : start_(std::move(start)) {}

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    start_(Done<T>([this](T result) {
      result_.emplace(std::move(result));
      // After Arrive this object may be gone.
      const std::coroutine_handle<> handle = awaiting_;
      if (rendezvous_.Arrive()) handle.resume();
    }));
    return !rendezvous_.Arrive();
  }
  T await_resume() { return std::move(*result_); }

 private:
  Start start_;
  std::coroutine_handle<> awaiting_;
  task_internal::Rendezvous rendezvous_;
  std::optional<T> result_;
};

template <typename T, typename Start>
AwaitOperation<T, Start> Await(Start start) {
  return AwaitOperation<T, Start>(std::move(start));
}

namespace task_internal {

// A coroutine that nobody awaits; its frame frees itself at the end.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

template <typename T>
Detached RunDetached(Task<T> task, Done<T> done) {
  T result = co_await task;
  std::move(done)(std::move(result));
}

inline Detached RunDetachedVoid(Task<void> task, absl::AnyInvocable<void() &&> done) {
  co_await task;
  if (done) std::move(done)();
}

}  // namespace task_internal

// Starts a task on this thread and gives its result to `done`, on the thread
// that completes it (this one, if nothing suspends).
template <typename T>
void Spawn(Task<T> task, Done<T> done) {
  task_internal::RunDetached<T>(std::move(task), std::move(done));
}

inline void Spawn(Task<void> task, absl::AnyInvocable<void() &&> done = nullptr) {
  task_internal::RunDetachedVoid(std::move(task), std::move(done));
}

// Runs a task and blocks this thread until it is complete. For main() and
// tests; never from a thread that completes operations.
template <typename T>
T SyncWait(Task<T> task) {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<T> result;
  Spawn<T>(std::move(task), [&](T value) {
    // Notify under the lock: the waiting thread destroys `changed` once it wakes.
    std::lock_guard<std::mutex> lock(mutex);
    result.emplace(std::move(value));
    changed.notify_one();
  });
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return result.has_value(); });
  return std::move(*result);
}

}  // namespace restante
