// Messages that expire by their account's policy: so long after their retrieval, or
// after they came in; in the background, whether or not anybody logs in.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kDay = absl::Hours(24);

Pop3Policy Arrived(absl::Duration after) {
  Pop3Policy policy;
  policy.expire_arrived = after;
  return policy;
}

Pop3Policy Retrieved(absl::Duration after) {
  Pop3Policy policy;
  policy.expire_retrieved = after;
  return policy;
}

class RetentionTest : public StoreTest {
 protected:
  // Messages, an hour apart.
  void Fill(const std::string& address, int messages) {
    for (int i = 0; i < messages; ++i) {
      ASSERT_THAT(Deliver(address, absl::StrCat(i, "\r\n")).status, IsOk());
      clock_.Advance(absl::Hours(1));
    }
  }
  std::vector<uint32_t> UidsOf(const std::string& address) {
    std::vector<uint32_t> uids;
    absl::StatusOr<RowPage> page =
        SyncWait(store().mailboxes().ListMessages(address, "", 0, 4096));
    EXPECT_THAT(page.status(), IsOk());
    if (!page.ok()) return uids;
    for (const MessageRow& row : page->rows) uids.push_back(row.uid);
    return uids;
  }
  void Retrieve(const std::string& address, std::vector<UidRange> uids) {
    Close(Session(address, 0), std::move(uids));
  }
};

TEST_F(RetentionTest, WithoutAPolicyNothingExpires) {
  CreateAccount("anna");
  Fill("anna", 2);
  Retrieve("anna", {{1, 2}});
  clock_.Advance(10'000 * kDay);
  EXPECT_EQ(Expire(), 0u);
  EXPECT_EQ(Status("anna").message_count, 2u);
}

TEST_F(RetentionTest, MessagesExpireSoLongAfterTheyCame) {
  CreateAccount("anna");
  SetPolicy("anna", Arrived(kDay));
  Fill("anna", 4);
  clock_.Advance(kDay - absl::Hours(3) - absl::Microseconds(1));
  EXPECT_EQ(Expire(), 1u) << "the first is a day old";
  clock_.Advance(absl::Microseconds(1));
  EXPECT_EQ(Expire(), 1u);
  EXPECT_EQ(Expire(), 0u);
  EXPECT_THAT(UidsOf("anna"), ElementsAre(3u, 4u));
  ExpectClean();
}

TEST_F(RetentionTest, MessagesExpireSoLongAfterTheirFirstRetrieval) {
  CreateAccount("anna");
  SetPolicy("anna", Retrieved(kDay));
  Fill("anna", 4);
  Retrieve("anna", {{3, 4}, {1, 1}});
  clock_.Advance(kDay / 2);
  Retrieve("anna", {{1, 2}});
  clock_.Advance(kDay / 2);
  EXPECT_EQ(Expire(), 3u) << "the second retrieval of 1 doesn't count";
  EXPECT_THAT(UidsOf("anna"), ElementsAre(2u));
  clock_.Advance(kDay / 2);
  EXPECT_EQ(Expire(), 1u);
  ExpectClean();
  Reclaim();
  EXPECT_EQ(BodyCount(), 0u);
}

TEST_F(RetentionTest, ARetrievalIsNoChangeThatOthersSee) {
  CreateAccount("anna");
  SetPolicy("anna", Retrieved(kDay));
  Fill("anna", 1);
  const MailboxStatus before = Status("anna");
  Retrieve("anna", {{1, 1}});
  EXPECT_EQ(Status("anna").highest_modseq, before.highest_modseq);
  ExpectClean();
}

TEST_F(RetentionTest, ARetrievalIsRememberedOverACrash) {
  CreateAccount("anna");
  SetPolicy("anna", Retrieved(kDay));
  Fill("anna", 2);
  Retrieve("anna", {{1, 1}});
  Crash();
  clock_.Advance(kDay);
  EXPECT_EQ(Expire(), 1u);
  EXPECT_THAT(UidsOf("anna"), ElementsAre(2u));
}

TEST_F(RetentionTest, OnlyAPolicyThatWantsToKnowRemembersRetrievals) {
  CreateAccount("anna");
  Fill("anna", 1);
  const MailboxId inbox = Status("anna").id;
  Retrieve("anna", {{1, 1}});
  EXPECT_EQ(KeysOf(inbox, 'e'), 0u);
  SetPolicy("anna", Retrieved(kDay));
  clock_.Advance(10 * kDay);
  EXPECT_EQ(Expire(), 0u);
}

TEST_F(RetentionTest, ARetrievalCountsWithTheCommitAndAfterTheSessionWasLost) {
  CreateAccount("anna");
  SetPolicy("anna", Retrieved(kDay));
  Fill("anna", 3);
  ASSERT_THAT(Commit(Session("anna"), {{1, 1}}, {{1, 2}}).status(), IsOk());
  const OpenedMaildrop lost = Session("anna");
  session_options_.take_over = true;
  Close(Session("anna"));
  Close(lost, {{3, 3}});
  clock_.Advance(kDay);
  EXPECT_EQ(Expire(), 2u);
  EXPECT_THAT(UidsOf("anna"), IsEmpty());
  ExpectClean();
}

TEST_F(RetentionTest, WhatIsNotInTheListCanNotBeRetrieved) {
  CreateAccount("anna");
  SetPolicy("anna", Retrieved(kDay));
  Fill("anna", 2);
  const OpenedMaildrop session = Session("anna");
  EXPECT_THAT(Commit(session, {{1, 1}}, {{2, 3}}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(UidsOf("anna"), ElementsAre(1u, 2u)) << "and nothing was deleted";
}

TEST_F(RetentionTest, WhatIsHiddenExpiresToo) {
  CreateAccount("anna");
  Pop3Policy policy = Retrieved(kDay);
  policy.deletion = Pop3Policy::Deletion::kHide;
  SetPolicy("anna", policy);
  Fill("anna", 3);
  ASSERT_THAT(Commit(Session("anna"), {{1, 2}}, {{1, 1}, {3, 3}}).status(), IsOk());
  ExpectClean();
  clock_.Advance(kDay);
  EXPECT_EQ(Expire(), 2u);
  EXPECT_THAT(UidsOf("anna"), ElementsAre(2u));
  EXPECT_EQ(Session("anna").message_count, 0u);
  ExpectClean();
}

TEST_F(RetentionTest, ARetrievalCountsFromWhenItWasToldInTheMiddleOfASession) {
  CreateAccount("anna");
  SetPolicy("anna", Retrieved(kDay));
  Fill("anna", 3);
  const OpenedMaildrop session = Session("anna");
  EXPECT_TRUE(session.remembers_retrieval);
  auto mark = [&](std::vector<UidRange> uids) {
    return SyncWait(store().maildrops().MarkRetrieved(session.session_token, std::move(uids)));
  };
  EXPECT_THAT(mark({{2, 2}, {1, 2}, {2, 2}}), IsOk()) << "twice does no harm";
  EXPECT_THAT(mark({{4, 4}}), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(SyncWait(store().maildrops().MarkRetrieved("forged", {})),
              HasReason(v1::ERROR_REASON_BAD_TOKEN));
  clock_.Advance(kDay / 2);
  // Also when the session is over; and the first time counts.
  Close(session);
  EXPECT_THAT(mark({{1, 3}}), IsOk());
  clock_.Advance(kDay / 2);
  EXPECT_EQ(Expire(), 2u);
  EXPECT_THAT(UidsOf("anna"), ElementsAre(3u));
  clock_.Advance(kDay / 2);
  EXPECT_EQ(Expire(), 1u);
  ExpectClean();
}

TEST_F(RetentionTest, ASessionWhosePolicyDoesNotAskForRetrievalsSaysSo) {
  CreateAccount("anna");
  Fill("anna", 1);
  const OpenedMaildrop session = Session("anna");
  EXPECT_FALSE(session.remembers_retrieval);
  EXPECT_THAT(SyncWait(store().maildrops().MarkRetrieved(session.session_token, {{1, 1}})),
              IsOk());
}

TEST_F(RetentionTest, TheListOfAnOpenSessionStaysWhatItWas) {
  CreateAccount("anna");
  SetPolicy("anna", Arrived(kDay));
  Fill("anna", 3);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  clock_.Advance(2 * kDay);
  EXPECT_EQ(Expire(), 3u);
  Reclaim();
  EXPECT_THAT(Uids(session), ElementsAre(1u, 2u, 3u));
  EXPECT_EQ(*Read(session, 2), "1\r\n");
  EXPECT_EQ(*Commit(session, {{1, 2}}), 0u) << "gone already";
  EXPECT_EQ(Session("anna").message_count, 0u);
  ExpectClean();
}

TEST_F(RetentionTest, ManyAccountsAndMessagesExpireInOneRound) {
  options_.pop3_policy.expire_arrived = kDay;
  for (int i = 0; i < 300; ++i) {
    const std::string address = absl::StrCat("user", i);
    CreateAccount(address);
    Deliver(address, "x\r\n");
  }
  for (int i = 0; i < 1200; ++i) Deliver("user0", "x\r\n");
  SetPolicy("user1", Arrived(absl::ZeroDuration()));
  clock_.Advance(2 * kDay);
  Crash();
  EXPECT_EQ(Expire(), 299u + 1200u);
  EXPECT_EQ(Status("user0").message_count, 0u);
  EXPECT_EQ(Status("user1").message_count, 1u) << "its own policy keeps it";
}

TEST_F(RetentionTest, ADomainsPolicyExpiresItsAccountsMailOnly) {
  CreateAccount("anna@a.example");
  CreateAccount("anna@b.example");
  Fill("anna@a.example", 1);
  Fill("anna@b.example", 1);
  const Pop3PolicyChange change{Arrived(kDay), true, true, true, true, true};
  ASSERT_THAT(SyncWait(store().accounts().SetDomainPolicy("b.example", change)).status(),
              IsOk());
  clock_.Advance(2 * kDay);
  EXPECT_EQ(Expire(), 1u);
  EXPECT_THAT(UidsOf("anna@b.example"), IsEmpty());
}

TEST_F(RetentionTest, MailboxesInWhichNothingIsDueAreNotLoaded) {
  options_.pop3_policy.expire_arrived = kDay;
  for (int i = 0; i < 20; ++i) {
    CreateAccount(absl::StrCat("user", i));
    Deliver(absl::StrCat("user", i), "x\r\n");
  }
  Crash();
  EXPECT_EQ(Expire(), 0u);
  EXPECT_EQ(store().Stats().at("cached_mailboxes"), 0);
}

TEST_F(RetentionTest, ItGoesOnByItself) {
  options_.reclaim_interval = absl::Milliseconds(10);
  options_.pop3_policy.expire_arrived = kDay;
  CreateAccount("anna");
  Deliver("anna", "x\r\n");
  clock_.Advance(2 * kDay);
  // The store's timer looks at the test's clock once a second.
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (Status("anna").message_count > 0 && absl::Now() < deadline) {
    clock_.Advance(absl::Minutes(1));
    std::this_thread::yield();
  }
  EXPECT_EQ(Status("anna").message_count, 0u);
}

// A crash at the commit that expires: all of a batch or none, and the rest later.
TEST_F(RetentionTest, ACrashWhileMessagesExpireLeavesNothingHalf) {
  for (const auto in_flight :
       {MemoryEngine::InFlight::kLost, MemoryEngine::InFlight::kDurable}) {
    Open();
    CreateAccount("anna");
    SetPolicy("anna", Arrived(kDay));
    Fill("anna", 5);
    clock_.Advance(kDay - absl::Hours(3));
    engine().HoldCommits();
    Started<absl::StatusOr<uint64_t>> expiring(store().Expire());
    Crash(in_flight);
    ExpectClean();
    Expire();
    EXPECT_THAT(UidsOf("anna"), ElementsAre(4u, 5u));
    ExpectClean();
  }
}

}  // namespace
}  // namespace restante::store
