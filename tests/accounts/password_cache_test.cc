#include "storage-service/store/password_cache.h"

#include <gtest/gtest.h>

#include "tests/accounts/fakes.h"

namespace restante::store {
namespace {

const AccountId kAda = *AccountId::FromHex("000000000000000000000000000000a1");
const AccountId kBob = *AccountId::FromHex("000000000000000000000000000000b2");

TEST(PasswordCache, KnowsOnlyWhatItWasToldOfThisAccountInThisGeneration) {
  const FakeClock clock;
  PasswordCache cache(&clock, 10, absl::Hours(1));
  cache.Remember(kAda, 7, "secret");
  EXPECT_TRUE(cache.Knows(kAda, 7, "secret"));
  EXPECT_FALSE(cache.Knows(kAda, 7, "secret2"));
  EXPECT_FALSE(cache.Knows(kAda, 7, ""));
  EXPECT_FALSE(cache.Knows(kAda, 8, "secret"));
  EXPECT_FALSE(cache.Knows(kBob, 7, "secret"));
}

TEST(PasswordCache, ForgetsWhenTheLifetimeIsOverHoweverOftenItWasUsed) {
  FakeClock clock;
  PasswordCache cache(&clock, 10, absl::Hours(1));
  cache.Remember(kAda, 1, "secret");
  clock.Advance(absl::Minutes(59));
  EXPECT_TRUE(cache.Knows(kAda, 1, "secret"));
  clock.Advance(absl::Minutes(1));
  EXPECT_FALSE(cache.Knows(kAda, 1, "secret"));
  EXPECT_EQ(cache.size(), 0u);
}

TEST(PasswordCache, IsRenewedByAnotherSuccess) {
  FakeClock clock;
  PasswordCache cache(&clock, 10, absl::Hours(1));
  cache.Remember(kAda, 1, "secret");
  clock.Advance(absl::Minutes(59));
  cache.Remember(kAda, 1, "secret");
  clock.Advance(absl::Minutes(59));
  EXPECT_TRUE(cache.Knows(kAda, 1, "secret"));
  EXPECT_EQ(cache.size(), 1u);
}

TEST(PasswordCache, DropsTheLongestUnusedWhenItIsFull) {
  const FakeClock clock;
  PasswordCache cache(&clock, 2, absl::Hours(1));
  cache.Remember(kAda, 1, "one");
  cache.Remember(kAda, 1, "two");
  EXPECT_TRUE(cache.Knows(kAda, 1, "one"));
  cache.Remember(kAda, 1, "three");
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_TRUE(cache.Knows(kAda, 1, "one"));
  EXPECT_FALSE(cache.Knows(kAda, 1, "two"));
  EXPECT_TRUE(cache.Knows(kAda, 1, "three"));
}

TEST(PasswordCache, OfNoEntriesRemembersNothing) {
  const FakeClock clock;
  PasswordCache cache(&clock, 0, absl::Hours(1));
  cache.Remember(kAda, 1, "secret");
  EXPECT_FALSE(cache.Knows(kAda, 1, "secret"));
}

}  // namespace
}  // namespace restante::store
