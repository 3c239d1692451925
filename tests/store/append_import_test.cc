// What an append keeps when it is an import: UIDLs, UIDs and the UIDVALIDITY; and what
// makes its repetition harmless.
#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using testing::ElementsAre;
using testing::SizeIs;

class AppendImportTest : public StoreTest {
 protected:
  AppendImportTest() {
    CreateAccount("anna");
    SyncWait(store().mailboxes().Create("anna", "Old", {})).IgnoreError();
  }
  static NewMessage With(std::string id, std::string uidl = "", uint32_t uid = 0) {
    NewMessage message;
    message.id = std::move(id);
    message.properties.uidl = std::move(uidl);
    message.uid = uid;
    return message;
  }
  absl::StatusOr<AppendAnswer> Append(std::vector<NewMessage> messages,
                                      const std::string& mailbox = "Old") {
    auto appending = SyncWait(store().mailboxes().Append("anna", mailbox));
    if (!appending.ok()) return appending.status();
    for (NewMessage& message : messages) {
      absl::Status status = SyncWait((*appending)->Begin(std::move(message)));
      if (status.ok()) status = SyncWait((*appending)->Add("Subject: x\r\n\r\n"));
      if (status.ok()) status = SyncWait((*appending)->End());
      if (!status.ok()) return status;
    }
    return SyncWait((*appending)->Finish());
  }
  std::vector<MessageRow> In(const std::string& mailbox) {
    return SyncWait(store().mailboxes().ListMessages("anna", mailbox, 0, 4096))->rows;
  }
  absl::StatusOr<MailboxStatus> Adopt(uint32_t uidvalidity, uint32_t uid_next,
                                      const std::string& mailbox = "Old") {
    return SyncWait(store().mailboxes().AdoptUids("anna", mailbox, uidvalidity, uid_next));
  }
  std::vector<uint32_t> Find(std::vector<std::string> ids) {
    return *SyncWait(store().mailboxes().FindAppended("anna", "Old", std::move(ids)));
  }
};

TEST_F(AppendImportTest, WhatWasAppendedUnderAnIdIsStoredOnceOnly) {
  const auto first = Append({With("a"), With("b", "uidl-b")});
  ASSERT_THAT(first.status(), IsOk());
  Crash();
  const auto again = Append({With("b", "other"), With("c"), With("a")});
  ASSERT_THAT(again.status(), IsOk());
  ASSERT_THAT(again->messages, SizeIs(3));
  EXPECT_TRUE(again->messages[0].earlier);
  EXPECT_EQ(again->messages[0].uid, 2u);
  EXPECT_EQ(again->messages[0].guid, first->messages[1].guid);
  EXPECT_EQ(again->messages[0].uidl, "uidl-b");
  EXPECT_FALSE(again->messages[1].earlier);
  EXPECT_EQ(again->messages[1].uid, 3u);
  EXPECT_TRUE(again->messages[2].earlier);
  EXPECT_EQ(again->messages[2].uidl, first->messages[0].uidl);
  EXPECT_THAT(In("Old"), SizeIs(3));
  EXPECT_EQ(BodyCount(), 3u);
  EXPECT_THAT(Find({"c", "none", "a"}), ElementsAre(3u, 0u, 1u));
  ExpectClean();
}

TEST_F(AppendImportTest, NothingIsStoredWhenAllWasAppendedEarlier) {
  ASSERT_THAT(Append({With("a"), With("b")}).status(), IsOk());
  const auto again = Append({With("a"), With("b")});
  ASSERT_THAT(again.status(), IsOk());
  EXPECT_EQ(again->highest_modseq, Status("anna", "Old").highest_modseq);
  EXPECT_EQ(Status("anna", "Old").highest_modseq, 2u);
  ExpectClean();
}

TEST_F(AppendImportTest, AnIdIsForgottenAfterItsWindow) {
  ASSERT_THAT(Append({With("a")}).status(), IsOk());
  clock_.Advance(options_.delivery_id_window + absl::Seconds(1));
  EXPECT_THAT(Find({"a"}), ElementsAre(0u));
  ASSERT_THAT(Append({With("a")}).status(), IsOk());
  EXPECT_THAT(In("Old"), SizeIs(2));
  ExpectClean();
}

TEST_F(AppendImportTest, AnIdCountsForDeliveriesTooAndTheOtherWayRound) {
  ASSERT_THAT(Append({With("a")}, "").status(), IsOk());
  Envelope envelope;
  envelope.recipients = {"anna"};
  envelope.delivery_id = "a";
  EXPECT_EQ(DeliverWith(envelope, "x\r\n").at(0).uid, 1u);
  envelope.delivery_id = "b";
  EXPECT_EQ(DeliverWith(envelope, "x\r\n").at(0).uid, 2u);
  const auto again = Append({With("b")}, "");
  ASSERT_THAT(again.status(), IsOk());
  EXPECT_TRUE(again->messages[0].earlier);
  ExpectClean();
}

TEST_F(AppendImportTest, RefusesIdsThatCanNotBe) {
  EXPECT_THAT(Append({With("a"), With("a")}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(Append({With(std::string(256, 'a'))}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(In("Old"), SizeIs(0));
}

TEST_F(AppendImportTest, AUidlThatIsTakenOrIllegalIsReplaced) {
  ASSERT_THAT(Append({With("", "one")}).status(), IsOk());
  const auto answer =
      Append({With("", "two"), With("", "two"), With("", "one"), With("", "il legal")});
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_EQ(answer->messages[0].uidl, "two");
  EXPECT_FALSE(answer->messages[0].uidl_replaced);
  for (const size_t i : {1, 2, 3}) EXPECT_TRUE(answer->messages[i].uidl_replaced) << i;
  ExpectClean();
}

TEST_F(AppendImportTest, UidsAreKeptAsLongAsTheyAscend) {
  const auto adopted = Adopt(1'234'567, 0);
  ASSERT_THAT(adopted.status(), IsOk());
  EXPECT_EQ(adopted->uidvalidity, 1'234'567u);
  const auto answer = Append({With("", "", 7), With(""), With("", "", 100)});
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_EQ(answer->uidvalidity, 1'234'567u);
  std::vector<uint32_t> uids;
  for (const MessageRow& row : In("Old")) uids.push_back(row.uid);
  EXPECT_THAT(uids, ElementsAre(7u, 8u, 100u));
  EXPECT_THAT(Append({With("", "", 100)}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(Append({With("", "", 102), With("", "", 101)}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  ASSERT_THAT(Adopt(1'234'567, 200).status(), IsOk()) << "it has this one already";
  ASSERT_THAT(Adopt(0, 150).status(), IsOk());
  EXPECT_EQ(Status("anna", "Old").uid_next, 200u) << "never lowered";
  ExpectClean();
}

TEST_F(AppendImportTest, KeptUidsAreSeenByPop3) {
  ASSERT_THAT(Adopt(77, 0, "").status(), IsOk());
  ASSERT_THAT(Append({With("", "p1", 7), With("", "p2", 9)}, "INBOX").status(), IsOk());
  const OpenedMaildrop session = Session("anna");
  ASSERT_THAT(session.rows, SizeIs(2));
  EXPECT_EQ(session.rows[1].uid, 9u);
  EXPECT_EQ(session.rows[1].uidl, "p2");
  EXPECT_EQ(SyncWait(store().mailboxes().List("anna"))->at(0).uidvalidity, 77u);
  ExpectClean();
}

TEST_F(AppendImportTest, AMailboxThatHasHadMessagesKeepsItsUidvalidity) {
  ASSERT_THAT(Append({With("")}).status(), IsOk());
  EXPECT_THAT(Adopt(5, 0).status(), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  SyncWait(store().mailboxes().Expunge("anna", "Old", {{1, 1}}, false, 0)).IgnoreError();
  EXPECT_THAT(Adopt(5, 0).status(), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
}

TEST_F(AppendImportTest, AdoptingGoesOnAfterACrashBetweenItsTwoCommits) {
  engine().FailNext(Call::kCommit, absl::UnavailableError("as the test wants"),
                    MemoryEngine::Effect::kDone);
  EXPECT_THAT(Adopt(5, 9).status(), HasReason(v1::ERROR_REASON_STORE_FAILURE));
  Crash();
  ASSERT_THAT(Adopt(5, 9).status(), IsOk());
  EXPECT_EQ(Status("anna", "Old").uidvalidity, 5u);
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
