// What becomes of messages that a POP3 client deletes where the policy says hide or
// move, and where it says expunge beside hidden ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Deletion = Pop3Policy::Deletion;
using testing::ElementsAre;
using testing::IsEmpty;

class DeletionPolicyTest : public StoreTest {
 protected:
  void SetDeletion(const std::string& address, Deletion deletion,
                   const std::string& move_to = "") {
    Pop3Policy policy;
    policy.deletion = deletion;
    policy.move_to = move_to;
    SetPolicy(address, policy);
  }
  // An account with messages of 3, 4, 5, … octets.
  void Fill(const std::string& address, int messages) {
    CreateAccount(address);
    for (int i = 0; i < messages; ++i) {
      ASSERT_THAT(Deliver(address, std::string(i + 1, 'x') + "\r\n").status, IsOk());
    }
  }
  std::vector<MessageRow> Messages(const std::string& address, const std::string& mailbox) {
    absl::StatusOr<RowPage> page =
        SyncWait(store().mailboxes().ListMessages(address, mailbox, 0, 4096));
    EXPECT_THAT(page.status(), IsOk());
    return page.ok() ? page->rows : std::vector<MessageRow>();
  }
  std::string Fetch(const std::string& address, const std::string& mailbox, uint32_t uid) {
    absl::StatusOr<std::unique_ptr<MessageReader>> reader =
        SyncWait(store().messages().Fetch(address, mailbox, {{uid, WholePart{}}}));
    EXPECT_THAT(reader.status(), IsOk());
    if (!reader.ok()) return "";
    const auto pieces = SyncWait((*reader)->Next());
    EXPECT_THAT(pieces.status(), IsOk());
    if (!pieces.ok() || pieces->empty()) return "";
    EXPECT_THAT(pieces->front().error, IsOk());
    return pieces->front().data;
  }
};

TEST_F(DeletionPolicyTest, WhatIsHiddenIsGoneForPop3AndStaysInTheMailbox) {
  Fill("anna", 3);
  SetDeletion("anna", Deletion::kHide);
  Delete("anna", {{2, 2}});
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(session.message_count, 2u);
  EXPECT_EQ(session.octets, 3u + 5u);
  ASSERT_EQ(session.rows.size(), 2u);
  EXPECT_EQ(session.rows[1].uid, 3u);
  EXPECT_THAT(Uids(session), ElementsAre(1u, 3u));
  EXPECT_THAT(Read(session, 2).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_THAT(Commit(session, {{2, 2}}).status(), HasReason(v1::ERROR_REASON_INVALID_REQUEST));

  EXPECT_EQ(Status("anna").message_count, 3u);
  EXPECT_EQ(Status("anna").octets, 12u);
  const std::vector<MessageRow> rows = Messages("anna", "INBOX");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_FALSE(rows[0].hidden_from_pop3);
  EXPECT_TRUE(rows[1].hidden_from_pop3);
  EXPECT_EQ(Fetch("anna", "INBOX", 2), "xx\r\n");
  ExpectClean();
}

TEST_F(DeletionPolicyTest, HidingIsAChangeWithAHigherModseq) {
  Fill("anna", 2);
  SetDeletion("anna", Deletion::kHide);
  const uint64_t before = Status("anna").highest_modseq;
  Delete("anna", {{1, 1}});
  absl::StatusOr<Changes> changes =
      SyncWait(store().mailboxes().ListChanges("anna", "INBOX", {before, 0}, 0));
  ASSERT_THAT(changes.status(), IsOk());
  ASSERT_EQ(changes->changed.size(), 1u);
  EXPECT_EQ(changes->changed[0].uid, 1u);
  EXPECT_GT(changes->changed[0].modseq, before);
  EXPECT_THAT(changes->vanished, IsEmpty());
}

TEST_F(DeletionPolicyTest, TheListOfTheSessionThatHidesStaysWhatItWas) {
  Fill("anna", 4);
  SetDeletion("anna", Deletion::kHide);
  const OpenedMaildrop session = Session("anna", 0);
  ASSERT_EQ(*Commit(session, {{1, 2}}, false), 2u);
  EXPECT_THAT(Uids(session), ElementsAre(1u, 2u, 3u, 4u));
  EXPECT_EQ(*Read(session, 1), "x\r\n");
  Close(session);
  EXPECT_THAT(Uids(Session("anna")), ElementsAre(3u, 4u));
}

TEST_F(DeletionPolicyTest, HidingOutlivesCrashesAndIsCountedOnce) {
  Fill("anna", 5);
  SetDeletion("anna", Deletion::kHide);
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(*Commit(session, {{1, 3}}, false), 3u);
  EXPECT_EQ(*Commit(session, {{1, 3}}), 3u) << "told again";
  Crash();
  const OpenedMaildrop next = Session("anna");
  EXPECT_EQ(next.message_count, 2u);
  EXPECT_THAT(Uids(next), ElementsAre(4u, 5u));
  Close(next);
  ExpectClean();
}

TEST_F(DeletionPolicyTest, WithAllHiddenTheMaildropIsEmptyAndFillsAgain) {
  Fill("anna", 3);
  SetDeletion("anna", Deletion::kHide);
  Delete("anna", {{1, 3}});
  OpenedMaildrop session = Session("anna");
  EXPECT_EQ(session.message_count, 0u);
  EXPECT_EQ(session.octets, 0u);
  EXPECT_THAT(Rows(session), IsEmpty());
  Close(session);
  Deliver("anna", "new\r\n");
  session = Session("anna");
  EXPECT_THAT(Uids(session), ElementsAre(4u));
  EXPECT_EQ(session.octets, 5u);
  Close(session);
  Crash();
  EXPECT_THAT(Uids(Session("anna")), ElementsAre(4u));
  ExpectClean();
}

TEST_F(DeletionPolicyTest, TheVisibleAreListedAmongManyHidden) {
  Fill("anna", 0);
  SetDeletion("anna", Deletion::kHide);
  std::vector<UidRange> hidden;
  std::vector<uint32_t> left;
  for (uint32_t uid = 1; uid <= 400; ++uid) {
    Deliver("anna", "x\r\n");
    if (uid % 4 == 0) {
      left.push_back(uid);
    } else {
      hidden.push_back({uid, uid});
    }
  }
  Delete("anna", hidden);
  for (const uint32_t page : {1u, 7u, 64u, 1000u}) {
    const OpenedMaildrop session = Session("anna", 3);
    EXPECT_EQ(session.rows.size(), 3u);
    std::vector<uint32_t> uids;
    for (const MaildropRow& row : Rows(session, page)) uids.push_back(row.uid);
    EXPECT_EQ(uids, left) << "in pages of " << page;
    Close(session);
  }
  Crash();
  EXPECT_EQ(Uids(Session("anna")), left);
}

TEST_F(DeletionPolicyTest, WhereThePolicyBecomesExpungeTheHiddenStay) {
  Fill("anna", 5);
  SetDeletion("anna", Deletion::kHide);
  Delete("anna", {{2, 2}, {4, 4}});
  SetDeletion("anna", Deletion::kExpunge);
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(*Commit(session, {{1, 5}}), 3u) << "what isn't in the list is passed over";
  std::vector<uint32_t> uids;
  for (const MessageRow& row : Messages("anna", "INBOX")) uids.push_back(row.uid);
  EXPECT_THAT(uids, ElementsAre(2u, 4u));
  EXPECT_EQ(Session("anna").message_count, 0u);
  Reclaim();
  Crash();
  EXPECT_EQ(Messages("anna", "INBOX").size(), 2u);
  ExpectClean();
}

TEST_F(DeletionPolicyTest, AnOpenSessionKeepsThePolicyThatItBeganWith) {
  Fill("anna", 2);
  SetDeletion("anna", Deletion::kHide);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  SetDeletion("anna", Deletion::kExpunge);
  Crash();
  ASSERT_THAT(SyncWait(store().maildrops().Resume(store().maildrops().BeginLease({}),
                                                  session.session_token)),
              IsOk());
  ASSERT_THAT(Commit(session, {{1, 1}}).status(), IsOk());
  EXPECT_EQ(Messages("anna", "INBOX").size(), 2u);
}

TEST_F(DeletionPolicyTest, WhatIsMovedIsInTheOtherMailboxWithItsGuidAndDates) {
  Fill("anna", 3);
  const std::vector<MessageRow> before = Messages("anna", "INBOX");
  clock_.Advance(absl::Hours(1));
  SetDeletion("anna", Deletion::kMove, "Old/Mail");
  Delete("anna", {{1, 2}});
  EXPECT_THAT(Uids(Session("anna")), ElementsAre(3u));
  const std::vector<MessageRow> moved = Messages("anna", "Old/Mail");
  ASSERT_EQ(moved.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(moved[i].guid, before[i].guid);
    EXPECT_EQ(moved[i].internal_date, before[i].internal_date);
    EXPECT_EQ(moved[i].octets, before[i].octets);
    EXPECT_EQ(moved[i].save_date, clock_.Now());
    EXPECT_NE(moved[i].uidl, before[i].uidl);
  }
  EXPECT_EQ(Fetch("anna", "Old/Mail", 2), "xx\r\n");
  const MailboxStatus status = Status("anna", "Old/Mail");
  EXPECT_EQ(status.message_count, 2u);
  EXPECT_EQ(status.octets, 7u);
  EXPECT_NE(status.uidvalidity, Status("anna").uidvalidity);
  Reclaim();
  EXPECT_EQ(BodyCount(), 3u);
  EXPECT_EQ(Fetch("anna", "Old/Mail", 1), "x\r\n") << "the body is shared";
  ExpectClean();
}

TEST_F(DeletionPolicyTest, AMailboxIsMadeOnceAndListed) {
  Fill("anna", 2);
  SetDeletion("anna", Deletion::kMove);
  Delete("anna", {{1, 1}});
  const MailboxStatus first = Status("anna", "Trash");
  Crash();
  Delete("anna", {{2, 2}});
  EXPECT_EQ(Status("anna", "Trash").id, first.id);
  EXPECT_EQ(Status("anna", "Trash").message_count, 2u);
  const auto mailboxes = SyncWait(store().mailboxes().List("anna"));
  ASSERT_THAT(mailboxes.status(), IsOk());
  ASSERT_EQ(mailboxes->size(), 2u);
  EXPECT_EQ((*mailboxes)[0].name, "INBOX");
  EXPECT_EQ((*mailboxes)[1].name, "Trash");
  EXPECT_THAT(SyncWait(store().mailboxes().Get("anna", "Elsewhere")).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
}

TEST_F(DeletionPolicyTest, TheAccountsUsageIsTheSumOfItsMailboxes) {
  Fill("anna", 3);
  SetDeletion("anna", Deletion::kMove);
  Delete("anna", {{1, 2}});
  const AccountInfo account = *SyncWait(store().accounts().Get("anna"));
  EXPECT_EQ(account.used_octets, 12u);
  EXPECT_EQ(account.message_count, 3u);
}

TEST_F(DeletionPolicyTest, TheQuotaCountsWhatWasMoved) {
  options_.quota_grace = {0, 0};
  CreateAccount("anna", 10);
  SetDeletion("anna", Deletion::kMove);
  ASSERT_THAT(Deliver("anna", "12345\r\n").status, IsOk());
  Delete("anna", {{1, 1}});
  EXPECT_THAT(Deliver("anna", "12\r\n").status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(Deliver("anna", "1\r\n").status, IsOk());
  Crash();
  EXPECT_THAT(Deliver("anna", "\r\n").status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
}

TEST_F(DeletionPolicyTest, AMessageForManyStaysWhoeverMovesIt) {
  CreateAccount("anna");
  CreateAccount("bert");
  SetDeletion("anna", Deletion::kMove);
  DeliverTo({"anna", "bert"}, "both\r\n");
  Delete("anna", {{1, 1}});
  Reclaim();
  Delete("bert", {{1, 1}});
  Reclaim();
  EXPECT_EQ(Fetch("anna", "Trash", 1), "both\r\n");
  ExpectClean();
  ASSERT_THAT(SyncWait(store().accounts().Delete("anna")), IsOk());
  EXPECT_EQ(BodyCount(), 0u);
}

TEST_F(DeletionPolicyTest, ManyMessagesAreMovedWhole) {
  Fill("anna", 0);
  for (int i = 0; i < 1100; ++i) Deliver("anna", absl::StrCat(i, "\r\n"));
  SetDeletion("anna", Deletion::kMove);
  Delete("anna", {{1, 1100}});
  EXPECT_EQ(Status("anna").message_count, 0u);
  EXPECT_EQ(Status("anna", "Trash").message_count, 1100u);
  EXPECT_EQ(Fetch("anna", "Trash", 1100), "1099\r\n");
  Reclaim();
  ExpectClean();
}

// A crash at each commit of a session that moves: nothing is lost, and what is in
// both mailboxes for a while is there once in the end.
class MoveCrashTest : public DeletionPolicyTest, public testing::WithParamInterface<int> {};

TEST_P(MoveCrashTest, NothingIsLostAndNothingIsThereTwice) {
  for (const auto in_flight :
       {MemoryEngine::InFlight::kLost, MemoryEngine::InFlight::kDurable}) {
    Open();
    Fill("anna", 3);
    SetDeletion("anna", Deletion::kMove);
    const OpenedMaildrop session = Session("anna");
    engine().HoldCommits();
    Started<absl::StatusOr<uint64_t>> commit(
        store().maildrops().Commit(session.session_token, {{1, 2}}, {}, true));
    for (int i = 0; i < GetParam(); ++i) engine().ReleaseCommits(1);
    Crash(in_flight);

    const auto trash = SyncWait(store().mailboxes().Get("anna", "Trash"));
    const uint64_t there = trash.ok() ? trash->message_count : 0;
    EXPECT_GE(Status("anna").message_count + there, 3u);
    std::vector<VerifyFinding> findings;
    EXPECT_EQ(Verify(&findings).errors, 0u) << findings.front().message;

    // The client comes back and deletes what it still sees.
    const OpenedMaildrop again = Session("anna");
    std::vector<UidRange> uids;
    for (const uint32_t uid : Uids(again)) {
      if (uid <= 2) uids.push_back({uid, uid});
    }
    ASSERT_THAT(Commit(again, uids).status(), IsOk());
    EXPECT_EQ(Status("anna").message_count, 1u);
    EXPECT_EQ(Status("anna", "Trash").message_count, 2u);
    EXPECT_EQ(Fetch("anna", "Trash", 1) + Fetch("anna", "Trash", 2), "x\r\nxx\r\n");
    Reclaim();
    EXPECT_EQ(Verify().errors, 0u);
    EXPECT_EQ(BodyCount(), 3u);
  }
}

INSTANTIATE_TEST_SUITE_P(AtEachCommit, MoveCrashTest, testing::Range(0, 6));

// The same for commits that the engine fails without a crash.
class MoveFailureTest : public DeletionPolicyTest, public testing::WithParamInterface<int> {};

TEST_P(MoveFailureTest, ACommitThatFailsCanBeToldAgain) {
  for (const auto effect : {MemoryEngine::Effect::kNothingDone, MemoryEngine::Effect::kDone}) {
    Open();
    Fill("anna", 3);
    SetDeletion("anna", Deletion::kMove);
    const OpenedMaildrop session = Session("anna");
    engine().FailNth(MemoryEngine::Call::kCommit, GetParam(),
                     MakeError(v1::ERROR_REASON_STORE_FAILURE, "the disk is gone"), effect);
    if (!Commit(session, {{1, 2}}).ok()) {
      ASSERT_THAT(Commit(session, {{1, 2}}).status(), IsOk());
    }
    EXPECT_EQ(Status("anna").message_count, 1u);
    EXPECT_EQ(Status("anna", "Trash").message_count, 2u);
    Reclaim();
    EXPECT_EQ(Verify().errors, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(OfEachCommit, MoveFailureTest, testing::Range(1, 5));

class UndeletePolicyTest : public DeletionPolicyTest {
 protected:
  UndeletePolicyTest() { options_.expunged_grace = absl::Hours(24); }
  absl::StatusOr<std::vector<UndeletedMessage>> Undelete(const std::string& address,
                                                         std::vector<uint32_t> uids) {
    return SyncWait(store().mailboxes().Undelete(address, "", std::move(uids)));
  }
};

TEST_F(UndeletePolicyTest, WhatWasHiddenIsShownAgainWithItsUidl) {
  Fill("anna", 3);
  SetDeletion("anna", Deletion::kHide);
  const std::vector<MessageRow> before = Messages("anna", "INBOX");
  clock_.Advance(absl::Hours(1));
  Delete("anna", {{1, 2}});
  const uint64_t modseq = Status("anna").highest_modseq;
  EXPECT_EQ(Messages("anna", "INBOX")[0].hidden, clock_.Now());
  clock_.Advance(absl::Hours(24 * 365));

  const auto undeleted = Undelete("anna", {2});
  ASSERT_THAT(undeleted.status(), IsOk());
  EXPECT_EQ(undeleted->at(0).new_uid, 4u);
  EXPECT_EQ(undeleted->at(0).uidl, before[1].uidl);
  const OpenedMaildrop session = Session("anna");
  EXPECT_THAT(Uids(session), ElementsAre(3u, 4u));
  EXPECT_EQ(session.octets, 5u + 4u);
  EXPECT_EQ(session.rows[1].uidl, before[1].uidl);
  EXPECT_EQ(*Read(session, 4), "xx\r\n");
  Close(session);

  const std::vector<MessageRow> after = Messages("anna", "INBOX");
  ASSERT_EQ(after.size(), 3u) << "it is there once";
  EXPECT_FALSE(after[2].hidden_from_pop3);
  EXPECT_EQ(after[2].hidden, absl::InfinitePast());
  EXPECT_GT(after[2].modseq, modseq);
  EXPECT_EQ(after[2].internal_date, before[1].internal_date);
  const auto changes =
      SyncWait(store().mailboxes().ListChanges("anna", "INBOX", {modseq, 0}, 0));
  EXPECT_THAT(changes->vanished, ElementsAre(2u));
  EXPECT_EQ(changes->changed.size(), 1u);
  EXPECT_EQ(Status("anna").octets, 12u);
  ExpectClean();
  Crash();
  EXPECT_THAT(Uids(Session("anna")), ElementsAre(3u, 4u));
  EXPECT_THAT(Undelete("anna", {2}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_THAT(Undelete("anna", {3}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE))
      << "it isn't hidden";
}

TEST_F(UndeletePolicyTest, HiddenAndExpungedMessagesComeBackTogetherOrNotAtAll) {
  Fill("anna", 4);
  SetDeletion("anna", Deletion::kHide);
  Delete("anna", {{1, 1}, {3, 3}});
  SetDeletion("anna", Deletion::kExpunge);
  Delete("anna", {{2, 2}});
  EXPECT_THAT(Undelete("anna", {1, 4}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  OpenedMaildrop session = Session("anna");
  EXPECT_THAT(Uids(session), ElementsAre(4u));
  Close(session);
  ASSERT_THAT(Undelete("anna", {3, 2, 1}).status(), IsOk());
  session = Session("anna");
  EXPECT_THAT(Uids(session), ElementsAre(4u, 5u, 6u, 7u));
  EXPECT_EQ(session.octets, 3u + 4u + 5u + 6u);
  Close(session);
  ExpectClean();
}

TEST_F(UndeletePolicyTest, ASessionThatDoesNotSeeAMessageGoesOnNotToSeeIt) {
  Fill("anna", 3);
  SetDeletion("anna", Deletion::kHide);
  Delete("anna", {{2, 2}});
  const OpenedMaildrop session = Session("anna", 0);
  ASSERT_THAT(Undelete("anna", {2}).status(), IsOk());
  EXPECT_THAT(Uids(session), ElementsAre(1u, 3u));
  EXPECT_EQ(*Commit(session, {{1, 1}}), 1u);
  EXPECT_THAT(Uids(Session("anna")), ElementsAre(3u, 4u));
  ExpectClean();
}

TEST_F(UndeletePolicyTest, AHiddenMessageThatComesBackNeedsNoRoomInTheQuota) {
  CreateAccount("anna", 5);
  ASSERT_THAT(Deliver("anna", "xxx\r\n").status, IsOk());
  SetDeletion("anna", Deletion::kHide);
  Delete("anna", {{1, 1}});
  EXPECT_THAT(Undelete("anna", {1}).status(), IsOk());
  EXPECT_EQ(Status("anna").octets, 5u);
  EXPECT_EQ(Deliver("anna", "\r\n").status.ok(), false);
  ExpectClean();
}

TEST_F(UndeletePolicyTest, TheMarkOfARetrievalOfAHiddenMessageGoesWithItsOldUid) {
  Fill("anna", 2);
  Pop3Policy policy;
  policy.deletion = Deletion::kHide;
  policy.expire_retrieved = absl::Hours(24);
  SetPolicy("anna", policy);
  ASSERT_THAT(Commit(Session("anna"), {{1, 1}}, {{1, 1}}).status(), IsOk());
  ASSERT_THAT(Undelete("anna", {1}).status(), IsOk());
  ExpectClean();
  clock_.Advance(absl::Hours(48));
  EXPECT_EQ(Expire(), 0u);
  EXPECT_THAT(Uids(Session("anna")), ElementsAre(2u, 3u));
}

TEST_F(UndeletePolicyTest, WhatWasMovedComesBackToTheInboxAndStaysWhereItIs) {
  CreateAccount("anna", 9);
  ASSERT_THAT(Deliver("anna", "xxx\r\n").status, IsOk());
  const std::string uidl = Messages("anna", "INBOX")[0].uidl;
  SetDeletion("anna", Deletion::kMove, "Trash");
  Delete("anna", {{1, 1}});
  EXPECT_EQ(Status("anna", "Trash").message_count, 1u);
  // The quota counts both, and has room for one.
  EXPECT_THAT(Undelete("anna", {1}).status(), HasReason(v1::ERROR_REASON_OVER_QUOTA));
  store::AccountChange more;
  more.quota_octets = 10;
  ASSERT_THAT(SyncWait(store().accounts().Update("anna", more)).status(), IsOk());
  const auto undeleted = Undelete("anna", {1});
  ASSERT_THAT(undeleted.status(), IsOk());
  EXPECT_EQ(undeleted->at(0).uidl, uidl);
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(session.rows.at(0).uidl, uidl);
  EXPECT_EQ(*Read(session, 2), "xxx\r\n");
  Close(session);
  EXPECT_EQ(Status("anna", "Trash").message_count, 1u);
  EXPECT_EQ(Fetch("anna", "Trash", 1), "xxx\r\n");
  EXPECT_FALSE(Deliver("anna", "\r\n").status.ok()) << "10 octets of 10 are used";
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
