// The threads on which passwords are hashed: a key derivation takes milliseconds
// of a core, which neither a gRPC thread nor the engine's may spend.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"
#include "storage-service/store/passwords.h"

namespace restante::store {

// Verifications and new hashes wait in two queues of `queue` places each and take
// turns, so that neither a flood of logins nor an import of thousands holds the
// other up. Thread-safe. Tasks complete on a thread of the pool.
class PasswordPool {
 public:
  // `hasher` must outlive the pool.
  PasswordPool(const PasswordHasher* hasher, int threads, size_t queue);
  // As Stop; then what is still waiting ends with CANCELLED, on the destroying
  // thread.
  ~PasswordPool();
  PasswordPool(const PasswordPool&) = delete;
  PasswordPool& operator=(const PasswordPool&) = delete;

  // Is it the password of this hash? OVERLOADED: the queue is full; CANCELLED.
  Task<absl::StatusOr<bool>> Verify(std::string password, std::string hash);

  // A hash of the password. OVERLOADED, CANCELLED.
  Task<absl::StatusOr<std::string>> Hash(std::string password);

  // Nothing new is begun or taken on from here.
  void Stop();

  int threads() const { return static_cast<int>(threads_.size()); }

 private:
  struct Verification {
    std::string password;
    std::string hash;
    Done<absl::StatusOr<bool>> done;
  };
  struct Hashing {
    std::string password;
    Done<absl::StatusOr<std::string>> done;
  };

  void Submit(Verification job);
  void Submit(Hashing job);
  void Work();
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !verifications_.empty() || !hashings_.empty();
  }

  const PasswordHasher* const hasher_;
  const size_t queue_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool verified_last_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Verification> verifications_ ABSL_GUARDED_BY(mutex_);
  std::deque<Hashing> hashings_ ABSL_GUARDED_BY(mutex_);

  std::vector<std::thread> threads_;
};

}  // namespace restante::store
