#include "storage-service/store/password_pool.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/errors.h"

namespace restante::store {
namespace {

absl::Status QueueFull() {
  return OverloadedError("too many passwords are waiting to be checked", absl::Seconds(1));
}

absl::Status ShuttingDown() { return absl::CancelledError("the service is shutting down"); }

}  // namespace

PasswordPool::PasswordPool(const PasswordHasher* hasher, int threads, size_t queue)
    : hasher_(hasher), queue_(queue) {
  for (int i = 0; i < std::max(threads, 1); ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

void PasswordPool::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

PasswordPool::~PasswordPool() {
  Stop();
  for (std::thread& thread : threads_) thread.join();
  std::deque<Verification> verifications;
  std::deque<Hashing> hashings;
  {
    absl::MutexLock lock(&mutex_);
    verifications.swap(verifications_);
    hashings.swap(hashings_);
  }
  for (Verification& job : verifications) {
    Wipe(&job.password);
    std::move(job.done)(ShuttingDown());
  }
  for (Hashing& job : hashings) {
    Wipe(&job.password);
    std::move(job.done)(ShuttingDown());
  }
}

Task<absl::StatusOr<bool>> PasswordPool::Verify(std::string password, std::string hash) {
  const WipeAtEnd wipe(&password);
  auto verification =
      Await<absl::StatusOr<bool>>([this, &password, &hash](Done<absl::StatusOr<bool>> done) {
        Submit(Verification{std::move(password), std::move(hash), std::move(done)});
      });
  absl::StatusOr<bool> right = co_await verification;
  co_return right;
}

Task<absl::StatusOr<std::string>> PasswordPool::Hash(std::string password) {
  const WipeAtEnd wipe(&password);
  auto hashing = Await<absl::StatusOr<std::string>>(
      [this, &password](Done<absl::StatusOr<std::string>> done) {
        Submit(Hashing{std::move(password), std::move(done)});
      });
  absl::StatusOr<std::string> hash = co_await hashing;
  co_return hash;
}

void PasswordPool::Submit(Verification job) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) {
      refused = ShuttingDown();
    } else if (verifications_.size() >= queue_) {
      refused = QueueFull();
    } else {
      verifications_.push_back(std::move(job));
      return;
    }
  }
  Wipe(&job.password);
  std::move(job.done)(refused);
}

void PasswordPool::Submit(Hashing job) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) {
      refused = ShuttingDown();
    } else if (hashings_.size() >= queue_) {
      refused = QueueFull();
    } else {
      hashings_.push_back(std::move(job));
      return;
    }
  }
  Wipe(&job.password);
  std::move(job.done)(refused);
}

void PasswordPool::Work() {
  for (;;) {
    std::optional<Verification> verification;
    std::optional<Hashing> hashing;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &PasswordPool::HasWork));
      if (stopping_) return;
      const bool verify = hashings_.empty() || (!verifications_.empty() && !verified_last_);
      verified_last_ = verify;
      if (verify) {
        verification.emplace(std::move(verifications_.front()));
        verifications_.pop_front();
      } else {
        hashing.emplace(std::move(hashings_.front()));
        hashings_.pop_front();
      }
    }
    if (verification.has_value()) {
      const bool right = hasher_->Verify(verification->password, verification->hash);
      Wipe(&verification->password);
      std::move(verification->done)(right);
    } else {
      absl::StatusOr<std::string> hash = hasher_->Hash(hashing->password);
      Wipe(&hashing->password);
      std::move(hashing->done)(std::move(hash));
    }
  }
}

}  // namespace restante::store
