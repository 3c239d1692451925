#include "storage-service/store/account_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace restante::store {
namespace {

AccountCache::Entry MakeEntry(uint8_t id, uint64_t generation = 1) {
  auto entry = std::make_shared<AccountEntry>();
  entry->id.octets[15] = id;
  entry->generation = generation;
  return entry;
}

TEST(AccountCache, FindsByAddressAndById) {
  AccountCache cache(10);
  const AccountCache::Entry ada = MakeEntry(1);
  cache.Insert(cache.TakeTicket(), "ada", ada);
  EXPECT_EQ(cache.ByAddress("ada"), ada);
  EXPECT_EQ(cache.ById(ada->id), ada);
  EXPECT_EQ(cache.ByAddress("bob"), nullptr);
  EXPECT_EQ(cache.ById(MakeEntry(2)->id), nullptr);
}

TEST(AccountCache, DropsTheLongestUnusedWhenItIsFull) {
  AccountCache cache(2);
  cache.Insert(cache.TakeTicket(), "ada", MakeEntry(1));
  cache.Insert(cache.TakeTicket(), "bob", MakeEntry(2));
  EXPECT_NE(cache.ByAddress("ada"), nullptr);
  cache.Insert(cache.TakeTicket(), "cyd", MakeEntry(3));
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_NE(cache.ByAddress("ada"), nullptr);
  EXPECT_EQ(cache.ByAddress("bob"), nullptr);
  EXPECT_EQ(cache.ById(MakeEntry(2)->id), nullptr);
  EXPECT_NE(cache.ByAddress("cyd"), nullptr);
}

TEST(AccountCache, ForgetsByIdUnderBothKeys) {
  AccountCache cache(10);
  cache.Insert(cache.TakeTicket(), "ada", MakeEntry(1));
  cache.Forget(MakeEntry(1)->id);
  EXPECT_EQ(cache.ByAddress("ada"), nullptr);
  EXPECT_EQ(cache.ById(MakeEntry(1)->id), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(AccountCache, RefusesWhatWasReadBeforeAChange) {
  AccountCache cache(10);
  const AccountCache::Ticket before = cache.TakeTicket();
  const AccountCache::Entry old = MakeEntry(1, 1);
  cache.Forget(old->id);
  cache.Insert(before, "ada", old);
  EXPECT_EQ(cache.ByAddress("ada"), nullptr);

  const AccountCache::Entry current = MakeEntry(1, 2);
  cache.Insert(cache.TakeTicket(), "ada", current);
  EXPECT_EQ(cache.ByAddress("ada"), current);
}

TEST(AccountCache, OfNoCapacityKeepsNothing) {
  AccountCache cache(0);
  cache.Insert(cache.TakeTicket(), "ada", MakeEntry(1));
  EXPECT_EQ(cache.ByAddress("ada"), nullptr);
}

}  // namespace
}  // namespace restante::store
