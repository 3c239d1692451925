#include "storage-service/store/password_pool.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "common/errors.h"
#include "tests/accounts/fakes.h"

namespace restante::store {
namespace {

TEST(PasswordPool, VerifiesAndHashes) {
  const FakeHasher hasher;
  PasswordPool pool(&hasher, 2, 10);
  EXPECT_EQ(SyncWait(pool.Verify("secret", "hash of secret")).value(), true);
  EXPECT_EQ(SyncWait(pool.Verify("guess", "hash of secret")).value(), false);
  EXPECT_EQ(SyncWait(pool.Hash("secret")).value(), "hash of secret");
}

TEST(PasswordPool, AnswersOverloadedAtOnceWhenItsQueueIsFull) {
  const FakeHasher hasher;
  PasswordPool pool(&hasher, 1, 3);
  hasher.Close();
  absl::BlockingCounter done(4);
  const auto count = [&done](absl::StatusOr<bool> right) {
    EXPECT_TRUE(right.ok());
    done.DecrementCount();
  };
  Spawn<absl::StatusOr<bool>>(pool.Verify("0", "h"), count);
  hasher.AwaitWaiting(1);
  for (int i = 0; i < 3; ++i) Spawn<absl::StatusOr<bool>>(pool.Verify("1", "h"), count);

  absl::StatusOr<bool> refused = true;
  Spawn<absl::StatusOr<bool>>(pool.Verify("4", "h"),
                              [&](absl::StatusOr<bool> result) { refused = result; });
  EXPECT_EQ(ReasonOf(refused.status()), v1::ERROR_REASON_OVERLOADED);
  EXPECT_TRUE(RetryAfterOf(refused.status()).has_value());
  hasher.Open();
  done.Wait();
}

TEST(PasswordPool, AFloodOfVerificationsDoesNotHoldUpNewHashes) {
  const FakeHasher hasher;
  PasswordPool pool(&hasher, 1, 100);
  hasher.Close();
  absl::Mutex mutex;
  std::vector<char> order;
  absl::BlockingCounter done(12);
  const auto note = [&](char what) {
    absl::MutexLock lock(&mutex);
    order.push_back(what);
    done.DecrementCount();
  };
  Spawn<absl::StatusOr<bool>>(pool.Verify("0", "h"), [&](absl::StatusOr<bool>) { note('v'); });
  hasher.AwaitWaiting(1);
  for (int i = 0; i < 10; ++i) {
    Spawn<absl::StatusOr<bool>>(pool.Verify("1", "h"),
                                [&](absl::StatusOr<bool>) { note('v'); });
  }
  Spawn<absl::StatusOr<std::string>>(pool.Hash("new"),
                                     [&](absl::StatusOr<std::string>) { note('h'); });
  hasher.Open();
  done.Wait();
  EXPECT_EQ(order[1], 'h');
}

TEST(PasswordPool, CancelsWhatStillWaitsWhenItIsDestroyed) {
  const FakeHasher hasher;
  absl::Notification first_done;
  absl::Status verification;
  absl::Status hashing;
  {
    PasswordPool pool(&hasher, 1, 10);
    hasher.Close();
    Spawn<absl::StatusOr<bool>>(pool.Verify("0", "h"),
                                [&](absl::StatusOr<bool>) { first_done.Notify(); });
    hasher.AwaitWaiting(1);
    Spawn<absl::StatusOr<bool>>(pool.Verify("1", "h"), [&](absl::StatusOr<bool> result) {
      verification = result.status();
    });
    Spawn<absl::StatusOr<std::string>>(
        pool.Hash("2"), [&](absl::StatusOr<std::string> result) { hashing = result.status(); });
    pool.Stop();
    hasher.Open();
  }
  EXPECT_TRUE(first_done.HasBeenNotified());
  EXPECT_TRUE(absl::IsCancelled(verification)) << verification;
  EXPECT_TRUE(absl::IsCancelled(hashing)) << hashing;
}

TEST(PasswordPool, ServesManyThreadsAtOnce) {
  const FakeHasher hasher;
  PasswordPool pool(&hasher, 3, 1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(SyncWait(pool.Verify("secret", "hash of secret")).value());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(hasher.verifications(), 200);
}

}  // namespace
}  // namespace restante::store
