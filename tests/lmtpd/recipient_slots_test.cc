// The limit of transactions that have one recipient at once.
#include "plugins/lmtpd/recipient_slots.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace restante::lmtp {
namespace {

using Hold = RecipientSlots::Hold;

TEST(RecipientSlotsTest, GivesSoManyAndTheyComeBack) {
  RecipientSlots slots(2);
  auto first = std::make_unique<Hold>(slots);
  Hold second(slots);
  Hold third(slots);
  EXPECT_TRUE(first->Take("user@example.org"));
  EXPECT_TRUE(second.Take("user@example.org"));
  EXPECT_FALSE(third.Take("user@example.org"));
  EXPECT_TRUE(third.Take("other@example.org"));
  first.reset();
  EXPECT_TRUE(third.Take("user@example.org"));
}

TEST(RecipientSlotsTest, ATransactionHasOneForARecipientHoweverOftenNamed) {
  RecipientSlots slots(1);
  {
    Hold hold(slots);
    EXPECT_TRUE(hold.Take("user@example.org"));
    EXPECT_TRUE(hold.Take("user@example.org"));
    EXPECT_FALSE(Hold(slots).Take("user@example.org"));
  }
  EXPECT_TRUE(Hold(slots).Take("user@example.org"));
}

TEST(RecipientSlotsTest, CaseAndDetailMakeNoOtherRecipient) {
  RecipientSlots slots(1);
  Hold hold(slots);
  EXPECT_TRUE(hold.Take("user+list@example.org"));
  for (const std::string same :
       {"user@example.org", "USER@Example.org", "user+a+b@example.org", "user+@example.org"}) {
    EXPECT_FALSE(Hold(slots).Take(same)) << same;
  }
  for (const std::string other : {"user", "users@example.org", "user@example.net"}) {
    EXPECT_TRUE(Hold(slots).Take(other)) << other;
  }
}

TEST(RecipientSlotsTest, WithoutALimitThereIsNone) {
  RecipientSlots slots(0);
  Hold first(slots);
  Hold second(slots);
  EXPECT_TRUE(first.Take("user"));
  EXPECT_TRUE(second.Take("user"));
}

}  // namespace
}  // namespace restante::lmtp
