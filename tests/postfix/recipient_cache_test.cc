#include "plugins/postfix/recipient_cache.h"

#include <gtest/gtest.h>

namespace restante::postfix {
namespace {

using Room = RecipientCache::Room;
using std::chrono::seconds;

class RecipientCacheTest : public testing::Test {
 protected:
  static std::shared_ptr<const Recipient> Somebody(std::string account = "ann@example.org") {
    return std::make_shared<Recipient>(Recipient{true, "", {std::move(account)}});
  }
  static std::shared_ptr<const Recipient> Nobody() { return std::make_shared<Recipient>(); }

  Room RoomFor(uint64_t octets) {
    const auto known = cache_.Find("ann", octets, now_);
    return known.has_value() ? known->room : Room::kUnknown;
  }

  RecipientCache cache_{{.octets = 100'000,
                         .lifetime = seconds(60),
                         .missing_lifetime = seconds(10),
                         .room_lifetime = seconds(5)}};
  RecipientCache::Clock::time_point now_{seconds(1000)};
};

TEST_F(RecipientCacheTest, RemembersWhoExistsForATime) {
  EXPECT_FALSE(cache_.Find("ann", 0, now_).has_value());
  cache_.Put("ann", Somebody(), 0, true, now_);
  now_ += seconds(59);
  ASSERT_TRUE(cache_.Find("ann", 0, now_).has_value());
  EXPECT_EQ(cache_.Find("ann", 0, now_)->recipient->accounts.front(), "ann@example.org");
  now_ += seconds(1);
  EXPECT_FALSE(cache_.Find("ann", 0, now_).has_value());
  EXPECT_EQ(cache_.octets(), 0u);
}

TEST_F(RecipientCacheTest, RemembersWhoDoesNotExistForALessTime) {
  cache_.Put("nobody", Nobody(), 0, false, now_);
  now_ += seconds(9);
  EXPECT_FALSE(cache_.Find("nobody", 0, now_)->recipient->exists);
  now_ += seconds(1);
  EXPECT_FALSE(cache_.Find("nobody", 0, now_).has_value());
}

TEST_F(RecipientCacheTest, WhatFitsSaysThatLessFits) {
  cache_.Put("ann", Somebody(), 1000, true, now_);
  EXPECT_EQ(RoomFor(0), Room::kFits);
  EXPECT_EQ(RoomFor(1000), Room::kFits);
  EXPECT_EQ(RoomFor(1001), Room::kUnknown);
}

TEST_F(RecipientCacheTest, WhatDoesNotFitSaysThatMoreDoesNot) {
  cache_.Put("ann", Somebody(), 1000, false, now_);
  EXPECT_EQ(RoomFor(999), Room::kUnknown);
  EXPECT_EQ(RoomFor(1000), Room::kFull);
  EXPECT_EQ(RoomFor(5000), Room::kFull);
}

TEST_F(RecipientCacheTest, RoomIsForgottenBeforeTheRecipient) {
  cache_.Put("ann", Somebody(), 1000, true, now_);
  now_ += seconds(5);
  EXPECT_EQ(RoomFor(0), Room::kUnknown);
  EXPECT_TRUE(cache_.Find("ann", 0, now_).has_value());
}

TEST_F(RecipientCacheTest, ALaterAnswerReplacesAnEarlierOne) {
  cache_.Put("ann", Nobody(), 0, false, now_);
  cache_.Put("ann", Somebody(), 0, true, now_);
  EXPECT_TRUE(cache_.Find("ann", 0, now_)->recipient->exists);
}

TEST_F(RecipientCacheTest, MemoryIsBoundedAndTheLeastAskedForGoesFirst) {
  cache_.Put("ann", Somebody(), 0, true, now_);
  for (int i = 0; i < 10'000; ++i) {
    cache_.Put("nobody" + std::to_string(i), Nobody(), 0, false, now_);
    ASSERT_LE(cache_.octets(), 100'000u);
    ASSERT_TRUE(cache_.Find("ann", 0, now_).has_value());
  }
  EXPECT_FALSE(cache_.Find("nobody0", 0, now_).has_value());
  EXPECT_TRUE(cache_.Find("nobody9999", 0, now_).has_value());
}

TEST_F(RecipientCacheTest, WhatIsLargerThanAllOfItIsNotRemembered) {
  cache_.Put("ann", Somebody(), 0, true, now_);
  cache_.Put("team", Somebody(std::string(200'000, 'x')), 0, true, now_);
  EXPECT_FALSE(cache_.Find("team", 0, now_).has_value());
  EXPECT_TRUE(cache_.Find("ann", 0, now_).has_value());
}

TEST_F(RecipientCacheTest, AnAccountThatIsNamedIsForgottenUnderAllItsAddresses) {
  cache_.Put("ann@example.org", Somebody("Ann@example.org"), 0, true, now_);
  cache_.Put("ann+x@example.org", Somebody("Ann@example.org"), 0, true, now_);
  cache_.Put("bob@example.org", Somebody("bob@example.org"), 0, true, now_);
  cache_.Forget({"ann@example.org"});
  EXPECT_FALSE(cache_.Find("ann@example.org", 0, now_).has_value());
  EXPECT_FALSE(cache_.Find("ann+x@example.org", 0, now_).has_value());
  EXPECT_TRUE(cache_.Find("bob@example.org", 0, now_).has_value());
}

TEST_F(RecipientCacheTest, WhatAliasesLeadAndWhoIsMissingIsForgottenWithAnyChange) {
  const auto team =
      std::make_shared<Recipient>(Recipient{true, "team@example.org", {"ann@example.org"}});
  cache_.Put("team@example.org", team, 0, true, now_);
  cache_.Put("nobody@example.org", Nobody(), 0, false, now_);
  cache_.Put("ann@example.org", Somebody(), 0, true, now_);
  cache_.Forget({"bob@example.org"});
  EXPECT_FALSE(cache_.Find("team@example.org", 0, now_).has_value());
  EXPECT_FALSE(cache_.Find("nobody@example.org", 0, now_).has_value());
  EXPECT_TRUE(cache_.Find("ann@example.org", 0, now_).has_value());
}

TEST_F(RecipientCacheTest, AnAddressWhoseNormalFormItCannotKnowConcernsEverything) {
  cache_.Put("ann@example.org", Somebody(), 0, true, now_);
  cache_.Forget({"j\xC3\xBCrgen@example.org"});
  EXPECT_FALSE(cache_.Find("ann@example.org", 0, now_).has_value());
  EXPECT_EQ(cache_.octets(), 0u);
}

}  // namespace
}  // namespace restante::postfix
