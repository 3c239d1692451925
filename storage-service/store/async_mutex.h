// Mutual exclusion for coroutines: a waiting task sleeps without a thread, and
// tasks go on in the order in which they came. For what must read before it
// writes, held across co_await.
#pragma once

#include <coroutine>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"

namespace restante::store {

class AsyncMutex {
 public:
  // Holds the mutex while it lives. Its end resumes the next task, on this thread.
  class Guard {
   public:
    Guard() = default;
    explicit Guard(AsyncMutex* mutex) : mutex_(mutex) {}
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      std::swap(mutex_, other.mutex_);
      return *this;
    }
    ~Guard() { Release(); }
    void Release() {
      if (mutex_ != nullptr) std::exchange(mutex_, nullptr)->Unlock();
    }

   private:
    AsyncMutex* mutex_ = nullptr;
  };

  // What co_await takes; answers a Guard.
  class Locking {
   public:
    explicit Locking(AsyncMutex* mutex) : mutex_(mutex) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> awaiting) { return mutex_->Enqueue(awaiting); }
    Guard await_resume() const { return Guard(mutex_); }

   private:
    AsyncMutex* mutex_;
  };

  Locking Lock() { return Locking(this); }

 private:
  // False: the mutex was free, and is the caller's now.
  bool Enqueue(std::coroutine_handle<> awaiting) ABSL_LOCKS_EXCLUDED(mutex_);
  void Unlock() ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex mutex_;
  bool locked_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::coroutine_handle<>> waiting_ ABSL_GUARDED_BY(mutex_);
};

// One AsyncMutex for each key that somebody holds or waits for.
class KeyedAsyncMutex {
 public:
  class Guard {
   public:
    Guard() = default;
    Guard(Guard&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)),
          key_(std::move(other.key_)),
          guard_(std::move(other.guard_)) {}
    Guard& operator=(Guard&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(key_, other.key_);
      std::swap(guard_, other.guard_);
      return *this;
    }
    ~Guard();

   private:
    friend class KeyedAsyncMutex;
    KeyedAsyncMutex* owner_ = nullptr;
    std::string key_;
    AsyncMutex::Guard guard_;
  };

  Task<Guard> Lock(std::string key);

 private:
  struct Entry {
    AsyncMutex mutex;
    size_t users = 0;
  };

  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::unique_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
