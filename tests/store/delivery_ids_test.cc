// Delivery ids: a retry after a lost answer delivers nothing twice.
#include "storage-service/store/delivery_ids.h"

#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class DeliveryIdsTest : public StoreTest {};

TEST_F(DeliveryIdsTest, ARetryIsAnsweredAsTheFirstAndStoresNothing) {
  CreateAccount("anna");
  const RecipientResult first = Deliver("anna", MessageOf(100), "queue-1");
  const RecipientResult again = Deliver("anna", MessageOf(100), "queue-1");
  EXPECT_THAT(again.status, IsOk());
  EXPECT_EQ(again.uid, first.uid);
  EXPECT_EQ(again.guid, first.guid);
  EXPECT_EQ(again.uidvalidity, first.uidvalidity);
  EXPECT_EQ(again.mailbox, first.mailbox);
  EXPECT_EQ(Status("anna").message_count, 1u);
  EXPECT_EQ(BodyCount(), 1u);
  ExpectClean();
}

TEST_F(DeliveryIdsTest, WithoutAnIdNothingIsDeduplicated) {
  CreateAccount("anna");
  Deliver("anna", MessageOf(100));
  Deliver("anna", MessageOf(100));
  EXPECT_EQ(Status("anna").message_count, 2u);
}

TEST_F(DeliveryIdsTest, AnIdCountsInEachMailboxByItself) {
  CreateAccount("anna");
  CreateAccount("bert");
  Deliver("anna", MessageOf(100), "queue-1");
  EXPECT_THAT(DeliverTo({"anna", "bert"}, MessageOf(100), "queue-1").at(1).status, IsOk());
  EXPECT_EQ(Status("anna").message_count, 1u);
  EXPECT_EQ(Status("bert").message_count, 1u);
  ExpectClean();
}

TEST_F(DeliveryIdsTest, AnIdIsRememberedOverARestart) {
  CreateAccount("anna");
  const RecipientResult first = Deliver("anna", MessageOf(100), "queue-1");
  Crash();
  EXPECT_EQ(Deliver("anna", MessageOf(100), "queue-1").uid, first.uid);
  EXPECT_EQ(Status("anna").message_count, 1u);
}

TEST_F(DeliveryIdsTest, AnIdWhoseDeliveryWasLostIsForgottenWithIt) {
  CreateAccount("anna");
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> lost(DeliverTask(MessageOf(100), {"anna"}, "queue-1"));
  Crash();
  EXPECT_FALSE(lost.Get().at(0).status.ok());
  EXPECT_THAT(Deliver("anna", MessageOf(100), "queue-1").status, IsOk());
  EXPECT_EQ(Status("anna").message_count, 1u);
}

TEST_F(DeliveryIdsTest, AnIdWhoseAnswerWasLostIsFound) {
  CreateAccount("anna");
  engine().FailNext(MemoryEngine::Call::kCommit, absl::UnavailableError("answer lost"),
                    MemoryEngine::Effect::kDone);
  EXPECT_FALSE(Deliver("anna", MessageOf(100), "queue-1").status.ok());
  EXPECT_EQ(Deliver("anna", MessageOf(100), "queue-1").uid, 1u);
  EXPECT_EQ(Status("anna").message_count, 1u);
}

TEST_F(DeliveryIdsTest, ARetryDuringTheFirstDeliveryWaitsForIt) {
  CreateAccount("anna");
  Deliver("anna", "warm\r\n");
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> first(DeliverTask(MessageOf(100), {"anna"}, "queue-1"));
  Started<std::vector<RecipientResult>> again(DeliverTask(MessageOf(100), {"anna"}, "queue-1"));
  EXPECT_EQ(engine().held_commits(), 1u);
  engine().ReleaseCommits();
  EXPECT_EQ(first.Get().at(0).uid, again.Get().at(0).uid);
  EXPECT_EQ(Status("anna").message_count, 2u);
}

TEST_F(DeliveryIdsTest, DifferentIdsShareAnFsync) {
  CreateAccount("anna");
  Deliver("anna", "warm\r\n");
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> first(DeliverTask("1\r\n", {"anna"}, "queue-1"));
  Started<std::vector<RecipientResult>> second(DeliverTask("2\r\n", {"anna"}, "queue-2"));
  EXPECT_EQ(engine().held_commits(), 2u);
  engine().ReleaseCommits();
  EXPECT_NE(first.Get().at(0).uid, second.Get().at(0).uid);
}

TEST_F(DeliveryIdsTest, ARetryForSeveralRecipientsWithOneMailboxRepeatsEachUid) {
  CreateAccount("anna");
  const auto first = DeliverTo({"anna+a", "anna+b"}, MessageOf(100), "queue-1");
  const auto again = DeliverTo({"anna+a", "anna+b"}, MessageOf(100), "queue-1");
  EXPECT_NE(first[0].uid, first[1].uid);
  EXPECT_EQ(again[0].uid, first[0].uid);
  EXPECT_EQ(again[1].uid, first[1].uid);
  EXPECT_EQ(Status("anna").message_count, 2u);
}

TEST_F(DeliveryIdsTest, TwoDeliveriesWithOneIdInOppositeOrderDoNotBlockEachOther) {
  CreateAccount("anna");
  CreateAccount("bert");
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> a(DeliverTask("x\r\n", {"anna", "bert"}, "queue-1"));
  Started<std::vector<RecipientResult>> b(DeliverTask("x\r\n", {"bert", "anna"}, "queue-1"));
  engine().ReleaseCommits();
  EXPECT_EQ(a.Get().at(0).uid, b.Get().at(1).uid);
  EXPECT_EQ(Status("anna").message_count, 1u);
  EXPECT_EQ(Status("bert").message_count, 1u);
}

TEST_F(DeliveryIdsTest, AnIdIsForgottenAfterItsWindow) {
  CreateAccount("anna");
  Deliver("anna", MessageOf(100), "queue-1");
  clock_.Advance(options_.delivery_id_window - absl::Seconds(1));
  Deliver("anna", MessageOf(100), "queue-1");
  EXPECT_EQ(Status("anna").message_count, 1u);
  clock_.Advance(absl::Seconds(1));
  Deliver("anna", MessageOf(100), "queue-1");
  EXPECT_EQ(Status("anna").message_count, 2u);
}

TEST_F(DeliveryIdsTest, TheWindowIsTheConfiguredOneAlsoAcrossARestart) {
  options_.delivery_id_window = absl::Minutes(10);
  CreateAccount("anna");
  Deliver("anna", MessageOf(100), "queue-1");
  clock_.Advance(absl::Minutes(10) - absl::Seconds(1));
  Crash();
  Reclaim();
  Deliver("anna", MessageOf(100), "queue-1");
  EXPECT_EQ(Status("anna").message_count, 1u);
  clock_.Advance(absl::Seconds(1));
  Crash();
  Deliver("anna", MessageOf(100), "queue-1");
  EXPECT_EQ(Status("anna").message_count, 2u);
}

TEST_F(DeliveryIdsTest, TheReclaimerDropsOldIdsAndNoOthers) {
  CreateAccount("anna");
  const MailboxId mailbox = Deliver("anna", "1\r\n", "queue-1").mailbox;
  clock_.Advance(options_.delivery_id_window);
  Deliver("anna", "2\r\n", "queue-2");
  Deliver("anna", "1\r\n", "queue-1");
  Reclaim();
  EXPECT_EQ(KeysOf(mailbox, 'd'), 2u);
  EXPECT_EQ(KeysOf(mailbox, 'i'), 2u);
  Crash();
  clock_.Advance(options_.delivery_id_window);
  Reclaim();
  EXPECT_EQ(KeysOf(mailbox, 'd'), 0u);
  EXPECT_EQ(KeysOf(mailbox, 'i'), 0u);
}

TEST_F(DeliveryIdsTest, AnIdMayHoldAnyOctetsButNotTooMany) {
  CreateAccount("anna");
  EXPECT_THAT(Deliver("anna", "x\r\n", std::string(255, '\0')).status, IsOk());
  EXPECT_THAT(Deliver("anna", "x\r\n", std::string(256, 'x')).status,
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
}

TEST(DeliveryKeyOf, TellsIdsAndCopiesApart) {
  EXPECT_EQ(DeliveryKeyOf("a", 0), DeliveryKeyOf("a", 0));
  EXPECT_NE(DeliveryKeyOf("a", 0), DeliveryKeyOf("a", 1));
  EXPECT_NE(DeliveryKeyOf("a1", 0), DeliveryKeyOf("a", 10));
  EXPECT_EQ(DeliveryKeyOf("a", 0).size(), 16u);
}

}  // namespace
}  // namespace restante::store
