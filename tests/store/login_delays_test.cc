#include "storage-service/store/login_delays.h"

#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

constexpr absl::Duration kDelay = absl::Minutes(10);

class LoginDelaysTest : public ::testing::Test {
 protected:
  absl::Status Check(const AccountId& account, absl::Duration delay = kDelay) {
    return delays_.Check(account, delay, now_);
  }

  LoginDelays delays_{3};
  const AccountId anna_ = Id128::Random();
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(LoginDelaysTest, TheFirstLoginIsNeverTooSoon) { EXPECT_THAT(Check(anna_), IsOk()); }

TEST_F(LoginDelaysTest, ALoginWithinTheDelayIsTooSoonAndSaysForHowLong) {
  delays_.Note(anna_, kDelay, now_);
  now_ += absl::Minutes(4);
  const absl::Status status = Check(anna_);
  EXPECT_THAT(status, HasReason(v1::ERROR_REASON_LOGIN_DELAY));
  EXPECT_EQ(RetryAfterOf(status), absl::Minutes(6));
  EXPECT_THAT(Check(Id128::Random()), IsOk()) << "it is the other account's";
}

TEST_F(LoginDelaysTest, AfterTheDelayTheLoginIsFree) {
  delays_.Note(anna_, kDelay, now_);
  now_ += kDelay;
  EXPECT_THAT(Check(anna_), IsOk());
}

TEST_F(LoginDelaysTest, AChangedPolicyHoldsForTheLoginOfBefore) {
  delays_.Note(anna_, kDelay, now_);
  now_ += absl::Minutes(1);
  EXPECT_THAT(Check(anna_, absl::Minutes(1)), IsOk());
  EXPECT_THAT(Check(anna_, absl::ZeroDuration()), IsOk());
  EXPECT_EQ(RetryAfterOf(Check(anna_, absl::Hours(1))), absl::Minutes(59));
}

TEST_F(LoginDelaysTest, AClockThatWasSetBackLocksNobodyOutForLonger) {
  delays_.Note(anna_, kDelay, now_);
  now_ -= absl::Hours(100);
  EXPECT_EQ(RetryAfterOf(Check(anna_)), kDelay);
}

TEST_F(LoginDelaysTest, AccountsWithoutADelayAreNotRemembered) {
  delays_.Note(anna_, absl::ZeroDuration(), now_);
  EXPECT_EQ(delays_.size(), 0u);
}

TEST_F(LoginDelaysTest, OldLoginsAreSweptOut) {
  for (int i = 0; i < 100; ++i) {
    delays_.Note(Id128::Random(), kDelay, now_);
    now_ += kDelay;
  }
  EXPECT_LE(delays_.size(), 1u);
}

TEST_F(LoginDelaysTest, OnlySoManyAreRememberedAndTheOldestGoesFirst) {
  delays_.Note(anna_, kDelay, now_);
  std::vector<AccountId> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(Id128::Random());
    delays_.Note(others.back(), kDelay, now_);
  }
  EXPECT_EQ(delays_.size(), 3u);
  EXPECT_THAT(Check(anna_), IsOk());
  for (const AccountId& other : others) {
    EXPECT_THAT(Check(other), HasReason(v1::ERROR_REASON_LOGIN_DELAY));
  }
}

TEST_F(LoginDelaysTest, RepeatedLoginsOfOneAccountTakeNoRoom) {
  const AccountId bert = Id128::Random();
  delays_.Note(bert, kDelay, now_);
  for (int i = 0; i < 100; ++i) {
    now_ += absl::Seconds(1);
    delays_.Note(anna_, absl::Seconds(1), now_);
  }
  EXPECT_LE(delays_.size(), 2u);
}

}  // namespace
}  // namespace restante::store
