// What the tests of accounts put in place of time and of libcrypt.
#pragma once

#include <atomic>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/store/passwords.h"
#include "storage-service/store/store.h"

namespace restante::store {

// Stands still until told.
class FakeClock : public Clock {
 public:
  absl::Time Now() const override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }
  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mutex_);
    now_ += by;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) = absl::FromUnixSeconds(1'700'000'000);
};

// Hashes at no expense, counts what it is asked, and on request makes every
// verification wait.
class FakeHasher : public PasswordHasher {
 public:
  absl::StatusOr<std::string> Hash(const std::string& password) const override {
    ++hashes_;
    return absl::StrCat("hash of ", password);
  }

  bool Verify(const std::string& password, const std::string& hash) const override {
    absl::MutexLock lock(&mutex_);
    ++verifications_;
    ++waiting_;
    mutex_.Await(absl::Condition(&open_));
    --waiting_;
    return hash == absl::StrCat("hash of ", password);
  }

  // From now on verifications wait, until Open.
  void Close() const {
    absl::MutexLock lock(&mutex_);
    open_ = false;
  }
  void Open() const {
    absl::MutexLock lock(&mutex_);
    open_ = true;
  }
  // Until so many wait at once.
  void AwaitWaiting(int count) const {
    absl::MutexLock lock(&mutex_);
    const auto enough = [this, count]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return waiting_ >= count; };
    mutex_.Await(absl::Condition(&enough));
  }

  int hashes() const { return hashes_; }
  int verifications() const {
    absl::MutexLock lock(&mutex_);
    return verifications_;
  }

 private:
  mutable std::atomic<int> hashes_{0};
  mutable absl::Mutex mutex_;
  mutable bool open_ ABSL_GUARDED_BY(mutex_) = true;
  mutable int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable int verifications_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restante::store
