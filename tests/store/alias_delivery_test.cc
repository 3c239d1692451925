// Deliveries to aliases: one recipient with one status, and many mailboxes.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class AliasDeliveryTest : public StoreTest {
 protected:
  void AddAlias(const std::string& address, std::vector<std::string> targets) {
    ASSERT_THAT(SyncWait(store().aliases().AddAlias(address, std::move(targets))).status(),
                IsOk());
  }
  uint64_t Count(const std::string& address) { return Status(address).message_count; }
};

TEST_F(AliasDeliveryTest, AllTargetsGetTheMessageAndShareItsBody) {
  CreateAccount("anna");
  CreateAccount("bert");
  AddAlias("team", {"anna", "bert"});
  const RecipientResult result = Deliver("team+x", MessageOf(100));
  ASSERT_THAT(result.status, IsOk());
  EXPECT_EQ(result.mailbox, Status("anna").id) << "the first of them";
  EXPECT_EQ(*Read(Session("anna"), 1), MessageOf(100));
  EXPECT_EQ(*Read(Session("bert"), 1), MessageOf(100));
  EXPECT_EQ(BodyCount(), 1u);
  ExpectClean();
}

TEST_F(AliasDeliveryTest, AnAccountGetsACopyForEachRecipientThatLeadsToIt) {
  CreateAccount("anna");
  CreateAccount("bert");
  AddAlias("team", {"anna", "bert"});
  AddAlias("all", {"team", "anna"});
  const auto results = DeliverTo({"all", "anna"}, MessageOf(100));
  EXPECT_THAT(results[0].status, IsOk());
  EXPECT_THAT(results[1].status, IsOk());
  EXPECT_EQ(Count("anna"), 2u) << "one for each recipient, not for each way there";
  EXPECT_EQ(Count("bert"), 1u);
  EXPECT_EQ(BodyCount(), 1u);
  ExpectClean();
}

TEST_F(AliasDeliveryTest, NoTargetGetsAMessageThatOneHasNoRoomFor) {
  CreateAccount("anna");
  CreateAccount("full", 10);
  CreateAccount("bert");
  AddAlias("team", {"anna", "full"});
  const auto results = DeliverTo({"team", "bert"}, MessageOf(100));
  EXPECT_THAT(results[0].status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(results[1].status, IsOk());
  EXPECT_EQ(Count("anna"), 0u) << "or a retry would give it to her again";
  EXPECT_EQ(BodyCount(), 1u);
  const auto checks = SyncWait(store().deliveries().CheckRecipients({"team"}, 12));
  EXPECT_THAT(checks[0].status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_EQ(checks[0].accounts.size(), 2u);
  EXPECT_EQ(checks[0].alias, "team");
  ExpectClean();
}

TEST_F(AliasDeliveryTest, ARetryWithAnIdGivesItToThoseThatLackIt) {
  CreateAccount("anna");
  CreateAccount("bert");
  AddAlias("team", {"anna", "bert"});
  Deliver("anna", "warm\r\n");
  Deliver("bert", "warm\r\n");
  engine().FailNext(MemoryEngine::Call::kCommit,
                    MakeError(v1::ERROR_REASON_OVERLOADED, "too much"));
  EXPECT_THAT(Deliver("team", MessageOf(100), "queue-1").status,
              HasReason(v1::ERROR_REASON_OVERLOADED));
  EXPECT_EQ(Count("anna") + Count("bert"), 3u);
  EXPECT_THAT(Deliver("team", MessageOf(100), "queue-1").status, IsOk());
  EXPECT_EQ(Count("anna"), 2u);
  EXPECT_EQ(Count("bert"), 2u);
  EXPECT_THAT(Deliver("team", MessageOf(100), "queue-1").status, IsOk());
  EXPECT_EQ(Count("anna") + Count("bert"), 4u);
  ExpectClean();
}

TEST_F(AliasDeliveryTest, OneBodyIsReclaimedWithItsLastReference) {
  options_.expunged_grace = absl::ZeroDuration();
  std::vector<std::string> team;
  for (int i = 0; i < 20; ++i) {
    team.push_back(absl::StrCat("user", i));
    CreateAccount(team.back());
  }
  AddAlias("team", team);
  ASSERT_THAT(Deliver("team", MessageOf(100'000)).status, IsOk());
  EXPECT_EQ(BodyCount(), 1u);
  for (int i = 0; i < 19; ++i) Delete(team[i], {{1, 1}});
  Reclaim();
  EXPECT_EQ(BodyCount(), 1u);
  EXPECT_EQ(*Read(Session("user19"), 1), MessageOf(100'000));
  ExpectClean();
  ASSERT_THAT(SyncWait(store().accounts().Delete("user19")), IsOk());
  Reclaim();
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
}

TEST_F(AliasDeliveryTest, OneDeliveryLeadsToABoundedNumberOfMailboxes) {
  std::vector<std::string> everybody;
  for (int i = 0; i < 500; ++i) {
    everybody.push_back(absl::StrCat("user", i));
    // Full, so that nothing is written: this is about how many are looked at.
    CreateAccount(everybody.back(), 1);
  }
  AddAlias("all", everybody);
  Envelope envelope;
  envelope.recipients.assign(21, "all");
  envelope.recipients.push_back("user0");
  const auto results = DeliverWith(envelope, MessageOf(100));
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(results[i].status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  }
  EXPECT_THAT(results[20].status, HasReason(v1::ERROR_REASON_OVERLOADED));
  EXPECT_TRUE(RetryAfterOf(results[20].status).has_value());
  EXPECT_THAT(results[21].status, HasReason(v1::ERROR_REASON_OVERLOADED));
  EXPECT_EQ(BodyCount(), 0u);
}

}  // namespace
}  // namespace restante::store
