// The tables behind the limits of addresses and users.
#include "pop3d/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"

namespace restante::pop3 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Optional;

asio::ip::address Address(const std::string& text) { return asio::ip::make_address(text); }

class AddressTableTest : public testing::Test {
 protected:
  void Make(const AddressLimits& limits, size_t most_entries = 1000) {
    table_ = std::make_unique<AddressTable>(limits, most_entries);
  }

  // Keeps the ticket; whether there was one to be had.
  bool Enter(const std::string& address) {
    AddressTable::Ticket ticket;
    last_ = table_->Enter(Address(address), now_, &ticket);
    if (last_.has_value()) return false;
    tickets_.push_back(std::move(ticket));
    return true;
  }

  TimePoint now_ = TimePoint() + std::chrono::hours(1);
  std::optional<Limit> last_;
  std::unique_ptr<AddressTable> table_;
  std::vector<AddressTable::Ticket> tickets_;
};

TEST_F(AddressTableTest, GrantsEachAddressSoManyConnections) {
  Make({.connections = 2, .new_connections_per_minute = 0}, 1000);
  EXPECT_TRUE(Enter("192.0.2.1"));
  EXPECT_TRUE(Enter("192.0.2.1"));
  EXPECT_FALSE(Enter("192.0.2.1"));
  EXPECT_THAT(last_, Optional(Limit::kConnectionsOfAddress));
  EXPECT_TRUE(Enter("192.0.2.2"));
  tickets_.erase(tickets_.begin());
  EXPECT_TRUE(Enter("192.0.2.1"));
  EXPECT_FALSE(Enter("192.0.2.1"));
}

TEST_F(AddressTableTest, TakesMappedAddressesForWhatTheyAre) {
  Make({.connections = 1, .new_connections_per_minute = 0}, 1000);
  EXPECT_TRUE(Enter("192.0.2.1"));
  EXPECT_FALSE(Enter("::ffff:192.0.2.1"));
  EXPECT_TRUE(Enter("::ffff:192.0.2.2"));
}

TEST_F(AddressTableTest, CountsIPv6ByThe64BitsOfANetwork) {
  Make({.connections = 1, .new_connections_per_minute = 0}, 1000);
  EXPECT_TRUE(Enter("2001:db8:0:1::1"));
  EXPECT_FALSE(Enter("2001:db8:0:1:ffff:ffff:ffff:ffff"));
  EXPECT_TRUE(Enter("2001:db8:0:2::1"));
}

TEST_F(AddressTableTest, GrantsABurstOfAMinuteAndThenTheRate) {
  Make({.connections = 0, .new_connections_per_minute = 6}, 1000);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(Enter("192.0.2.1"));
  EXPECT_FALSE(Enter("192.0.2.1"));
  EXPECT_THAT(last_, Optional(Limit::kNewConnectionsOfAddress));
  now_ += seconds(9);
  EXPECT_FALSE(Enter("192.0.2.1"));
  now_ += seconds(1);
  EXPECT_TRUE(Enter("192.0.2.1"));
  EXPECT_FALSE(Enter("192.0.2.1"));
  EXPECT_TRUE(Enter("192.0.2.2"));
  now_ += seconds(60);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(Enter("192.0.2.1"));
  EXPECT_FALSE(Enter("192.0.2.1"));
}

TEST_F(AddressTableTest, DoesNotLimitWhatIsExempt) {
  Make({.connections = 1,
        .new_connections_per_minute = 1,
        .exempt = {*Network::Parse("127.0.0.0/8")}},
       1000);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Enter("127.0.0.1"));
  EXPECT_EQ(table_->entries(), 0u);
}

TEST_F(AddressTableTest, ForgetsAddressesThatHaveGone) {
  Make({.connections = 5, .new_connections_per_minute = 60}, 10'000);
  for (int i = 0; i < 50'000; ++i) {
    AddressTable::Ticket ticket;
    EXPECT_FALSE(
        table_->Enter(Address(absl::StrCat("2001:db8:", absl::Hex(i), "::1")), now_, &ticket));
    now_ += milliseconds(10);
  }
  // Those of the last second or so, and what was let grow meanwhile.
  EXPECT_LT(table_->entries(), 2'100u);
}

TEST_F(AddressTableTest, StaysBoundedAgainstAFloodOfAddresses) {
  Make({.connections = 5, .new_connections_per_minute = 60}, 5'000);
  EXPECT_TRUE(Enter("192.0.2.1"));
  for (int i = 0; i < 100'000; ++i) {
    AddressTable::Ticket ticket;
    const std::string address = absl::StrCat("10.", i >> 16, ".", i >> 8 & 255, ".", i & 255);
    EXPECT_FALSE(table_->Enter(Address(address), now_, &ticket));
    ASSERT_LE(table_->entries(), 6'100u);
  }
  // Who is connected stays counted.
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Enter("192.0.2.1"));
  EXPECT_FALSE(Enter("192.0.2.1"));
}

TEST(UserTableTest, CountsTheSessionsOfANameInAnyCase) {
  UserTable table(2);
  UserTable::Ticket first;
  UserTable::Ticket second;
  UserTable::Ticket third;
  EXPECT_TRUE(table.Enter("user@example.org", &first));
  EXPECT_TRUE(table.Enter("User@Example.ORG", &second));
  EXPECT_FALSE(table.Enter("user@example.org", &third));
  EXPECT_TRUE(table.Enter("other@example.org", &third));
  first = {};
  EXPECT_TRUE(table.Enter("user@example.org", &first));
}

TEST(UserTableTest, WhatATicketStoodForBeforeLeavesFirst) {
  UserTable table(1);
  UserTable::Ticket one;
  UserTable::Ticket other;
  EXPECT_TRUE(table.Enter("ada", &one));
  EXPECT_TRUE(table.Enter("ada", &one));
  EXPECT_TRUE(table.Enter("bruno", &one));
  EXPECT_TRUE(table.Enter("ada", &other));
  EXPECT_FALSE(table.Enter("bruno", &other));
}

TEST_F(AddressTableTest, WhatATicketStoodForBeforeLeavesFirst) {
  AddressLimits limits;
  limits.connections = 1;
  Make(limits);
  AddressTable::Ticket one;
  EXPECT_FALSE(table_->Enter(Address("192.0.2.1"), now_, &one).has_value());
  EXPECT_FALSE(table_->Enter(Address("192.0.2.1"), now_, &one).has_value());
  EXPECT_FALSE(table_->Enter(Address("192.0.2.2"), now_, &one).has_value());
  EXPECT_TRUE(Enter("192.0.2.1"));
  EXPECT_FALSE(Enter("192.0.2.2"));
}

TEST(UserTableTest, TellsWhetherThereIsRoomWithoutTakingIt) {
  UserTable table(1);
  UserTable::Ticket ticket;
  EXPECT_TRUE(table.HasRoom("user"));
  EXPECT_TRUE(table.HasRoom("user"));
  EXPECT_TRUE(table.Enter("user", &ticket));
  EXPECT_FALSE(table.HasRoom("USER"));
  EXPECT_TRUE(table.HasRoom(""));
  ticket = {};
  EXPECT_TRUE(table.HasRoom("user"));
}

TEST(UserTableTest, SetsNoLimitForZero) {
  UserTable table(0);
  EXPECT_TRUE(table.HasRoom("user"));
  std::vector<UserTable::Ticket> tickets(100);
  for (UserTable::Ticket& ticket : tickets) EXPECT_TRUE(table.Enter("user", &ticket));
}

TEST(LimitCountersTest, CountEachLimitForItself) {
  LimitCounters counters;
  const TimePoint now = TimePoint() + seconds(100);
  counters.Count(Limit::kBadCommands, now);
  counters.Count(Limit::kBadCommands, now);
  counters.Count(Limit::kConnections, now);
  EXPECT_EQ(counters.value(Limit::kBadCommands), 2u);
  EXPECT_EQ(counters.value(Limit::kConnections), 1u);
  EXPECT_EQ(counters.value(Limit::kFailedLogins), 0u);
  EXPECT_EQ(counters.Summary(), "connections=1 bad_commands=2");
}

TEST(LimitCountersTest, AskForOneLogLineASecondWithTheNumberOfHits) {
  LimitCounters counters;
  TimePoint now = TimePoint() + seconds(100);
  EXPECT_THAT(counters.Count(Limit::kConnections, now), Optional(1u));
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(counters.Count(Limit::kConnections, now), std::nullopt);
  }
  EXPECT_THAT(counters.Count(Limit::kProxyHeader, now), Optional(1u));
  now += seconds(1);
  EXPECT_THAT(counters.Count(Limit::kConnections, now), Optional(10u));
}

}  // namespace
}  // namespace restante::pop3
