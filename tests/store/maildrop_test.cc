// Maildrop sessions: the lock, the list that stays what it was, deletions.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using testing::ElementsAre;

class MaildropTest : public StoreTest {
 protected:
  void Fill(const std::string& address, int count) {
    CreateAccount(address);
    for (int i = 1; i <= count; ++i) {
      ASSERT_THAT(Deliver(address, MessageOf(50 + i, absl::StrCat(i))).status, IsOk());
    }
  }
};

TEST_F(MaildropTest, LoginTellsWhatThereIs) {
  Fill("anna", 3);
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(session.address, "anna");
  EXPECT_EQ(session.message_count, 3u);
  EXPECT_EQ(session.uid_next, 4u);
  EXPECT_EQ(session.highest_modseq, 4u);
  EXPECT_NE(session.uidvalidity, 0u);
  EXPECT_EQ(session.rows.size(), 3u);
  uint64_t octets = 0;
  for (const MaildropRow& row : session.rows) octets += row.octets;
  EXPECT_EQ(session.octets, octets);
  EXPECT_LE(session.session_token.size(), 512u);
}

TEST_F(MaildropTest, LoginBringsNoMoreRowsThanAsked) {
  Fill("anna", 5);
  EXPECT_EQ(Session("anna", 2).rows.size(), 2u);
  Crash();
  EXPECT_TRUE(Session("anna", 0).rows.empty());
}

TEST_F(MaildropTest, APollOfAnUnchangedMaildropReadsNothing) {
  Fill("anna", 14);
  Close(Session("anna"));
  const auto reads = [&] {
    return engine().calls(Call::kGet) + engine().calls(Call::kScan) +
           engine().calls(Call::kGetVersion);
  };
  const size_t before = reads();
  for (int poll = 0; poll < 3; ++poll) {
    const OpenedMaildrop session = Session("anna");
    EXPECT_EQ(session.rows.size(), 14u);
    Close(session);
  }
  EXPECT_EQ(reads(), before);
}

TEST_F(MaildropTest, ASecondLoginIsToldAtOnceThatTheMaildropIsInUse) {
  Fill("anna", 1);
  const OpenedMaildrop session = Session("anna");
  EXPECT_THAT(Login("anna").status(), HasReason(v1::ERROR_REASON_IN_USE));
  Close(session);
  EXPECT_GT(Session("anna").fencing_token, session.fencing_token);
}

TEST_F(MaildropTest, AWrongPasswordDoesNotTouchTheLock) {
  Fill("anna", 1);
  EXPECT_THAT(SyncWait(store().maildrops().Login(kUnaryLease, {"anna", "wrong", {}}, {}, 0, {}))
                  .status(),
              HasReason(v1::ERROR_REASON_BAD_CREDENTIALS));
  Session("anna");
}

TEST_F(MaildropTest, OpenTakesTheTokenOfAnAuthentication) {
  Fill("anna", 2);
  const auto authenticated =
      SyncWait(store().accounts().AuthenticatePassword("anna", "secret", {}));
  ASSERT_THAT(authenticated.status(), IsOk());
  const auto opened =
      SyncWait(store().maildrops().Open(kUnaryLease, authenticated->auth_token, {}, 64, {}));
  ASSERT_THAT(opened.status(), IsOk());
  EXPECT_EQ(opened->rows.size(), 2u);
  EXPECT_THAT(SyncWait(store().maildrops().Open(kUnaryLease, "forged", {}, 64, {})).status(),
              HasReason(v1::ERROR_REASON_BAD_TOKEN));
}

TEST_F(MaildropTest, AForgedTokenIsNoSession) {
  Fill("anna", 1);
  OpenedMaildrop session = Session("anna");
  session.session_token.back() ^= 1;
  EXPECT_THAT(Commit(session, {{1, 1}}).status(), HasReason(v1::ERROR_REASON_BAD_TOKEN));
  EXPECT_THAT(Read(session, 1).status(), HasReason(v1::ERROR_REASON_BAD_TOKEN));
  EXPECT_THAT(SyncWait(store().maildrops().Close(session.session_token, {})),
              HasReason(v1::ERROR_REASON_BAD_TOKEN));
}

TEST_F(MaildropTest, LaterArrivalsAreNotInTheList) {
  Fill("anna", 2);
  const OpenedMaildrop session = Session("anna");
  Deliver("anna", "later\r\n");
  EXPECT_THAT(Uids(session), ElementsAre(1, 2));
  EXPECT_THAT(Read(session, 3).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_THAT(Commit(session, {{3, 3}}).status(), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
}

TEST_F(MaildropTest, ArrivalsUnderWayAreNotInTheList) {
  Fill("anna", 2);
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> delivery(DeliverTask("later\r\n", {"anna"}));
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(session.uid_next, 3u);
  EXPECT_EQ(session.message_count, 2u);
  engine().ReleaseCommits();
  ASSERT_THAT(delivery.Get().at(0).status, IsOk());
  EXPECT_THAT(Uids(session), ElementsAre(1, 2));
}

TEST_F(MaildropTest, WhatWasCommittedStaysInTheListOfTheSession) {
  Fill("anna", 4);
  const OpenedMaildrop session = Session("anna");
  ASSERT_EQ(*Commit(session, {{2, 3}}, false), 2u);
  EXPECT_THAT(Uids(session), ElementsAre(1, 2, 3, 4));
  Reclaim();
  EXPECT_EQ(*Read(session, 2), MessageOf(52, "2")) << "a session's list isn't reclaimed";
  EXPECT_THAT(Rows(session, 1), testing::SizeIs(4));
  Close(session);
  EXPECT_EQ(Reclaim(), 2u);
  EXPECT_THAT(Uids(Session("anna")), ElementsAre(1, 4));
  ExpectClean();
}

TEST_F(MaildropTest, RowsArePagedInTheOrderOfTheirUids) {
  Fill("anna", 150);
  Delete("anna", {{1, 3}, {70, 80}, {149, 149}});
  const OpenedMaildrop session = Session("anna");
  const std::vector<uint32_t> all = Uids(session);
  EXPECT_EQ(all.size(), 135u);
  EXPECT_EQ(all.front(), 4u);
  EXPECT_EQ(all.back(), 150u);
  for (const uint32_t size : {1u, 2u, 64u, 134u, 135u, 136u}) {
    EXPECT_EQ(Rows(session, size).size(), 135u) << "pages of " << size;
  }
  EXPECT_THAT(SyncWait(store().maildrops().Rows(session.session_token, 0, 4097)).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_TRUE(SyncWait(store().maildrops().Rows(session.session_token, UINT32_MAX, 10))->end);
}

TEST_F(MaildropTest, CommitDeletesAllOfItAndNothingElse) {
  Fill("anna", 10);
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(*Commit(session, {{1, 1}, {3, 5}, {10, 10}}), 5u);
  const OpenedMaildrop next = Session("anna");
  EXPECT_THAT(Uids(next), ElementsAre(2, 6, 7, 8, 9));
  EXPECT_EQ(next.message_count, 5u);
  EXPECT_GT(next.highest_modseq, session.highest_modseq);
  ExpectClean();
}

TEST_F(MaildropTest, ARunMaySpanUidsThatAreNotInTheList) {
  Fill("anna", 6);
  Delete("anna", {{2, 2}, {4, 5}});
  EXPECT_EQ(*Commit(Session("anna"), {{1, 6}}), 3u);
  EXPECT_EQ(Status("anna").message_count, 0u);
  ExpectClean();
}

TEST_F(MaildropTest, AUidThatIsNotInTheListRefusesTheWholeCommit) {
  Fill("anna", 4);
  Delete("anna", {{2, 2}});
  const OpenedMaildrop session = Session("anna");
  for (const std::vector<UidRange>& wrong : {std::vector<UidRange>{{1, 1}, {2, 2}},
                                             {{1, 2}},
                                             {{0, 1}},
                                             {{1, 5}},
                                             {{3, 1}},
                                             {{3, 4}, {1, 1}},
                                             {{1, 3}, {3, 4}}}) {
    EXPECT_THAT(Commit(session, wrong).status(), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  }
  EXPECT_EQ(Status("anna").message_count, 3u);
  EXPECT_EQ(*Commit(session, {{1, 1}, {3, 4}}), 3u) << "the session goes on";
}

TEST_F(MaildropTest, CommitOfNothingChangesNothing) {
  Fill("anna", 1);
  const size_t commits = engine().calls(Call::kCommit);
  EXPECT_EQ(*Commit(Session("anna"), {}), 0u);
  EXPECT_EQ(engine().calls(Call::kCommit), commits);
  Session("anna");
}

TEST_F(MaildropTest, CommitCanBeToldAgain) {
  Fill("anna", 3);
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(*Commit(session, {{1, 2}}, false), 2u);
  EXPECT_EQ(*Commit(session, {{1, 2}}, false), 2u);
  EXPECT_EQ(*Commit(session, {{1, 2}}, true), 2u);
  EXPECT_EQ(*Commit(session, {{1, 2}}, true), 2u) << "also after the end of the session";
  EXPECT_EQ(Status("anna").message_count, 1u);
}

TEST_F(MaildropTest, ARepetitionDuringTheCommitWaitsForIt) {
  Fill("anna", 3);
  const OpenedMaildrop session = Session("anna");
  engine().HoldCommits();
  Started<absl::StatusOr<uint64_t>> first(
      store().maildrops().Commit(session.session_token, {{1, 2}}, {}, true));
  Started<absl::StatusOr<uint64_t>> again(
      store().maildrops().Commit(session.session_token, {{1, 2}}, {}, true));
  EXPECT_EQ(engine().held_commits(), 1u);
  engine().ReleaseCommits();
  EXPECT_EQ(*first.Get(), 2u);
  EXPECT_EQ(*again.Get(), 2u);
}

TEST_F(MaildropTest, ARefusedCommitDeletesNothingAndTheSessionGoesOn) {
  Fill("anna", 2);
  const OpenedMaildrop session = Session("anna");
  engine().FailNext(Call::kCommit, MakeError(v1::ERROR_REASON_STORE_FULL, "no room"));
  EXPECT_FALSE(Commit(session, {{1, 2}}).ok());
  EXPECT_EQ(Status("anna").message_count, 2u);
  EXPECT_EQ(*Commit(session, {{1, 2}}), 2u);
}

TEST_F(MaildropTest, ACommitWhoseAnswerWasLostIsKnownWhenItIsToldAgain) {
  Fill("anna", 2);
  const OpenedMaildrop session = Session("anna");
  engine().FailNext(Call::kCommit, absl::UnavailableError("answer lost"),
                    MemoryEngine::Effect::kDone);
  EXPECT_THAT(Commit(session, {{1, 1}}).status(), HasReason(v1::ERROR_REASON_STORE_FAILURE));
  EXPECT_EQ(*Commit(session, {{1, 1}}), 1u);
  EXPECT_EQ(Status("anna").message_count, 1u);
  ExpectClean();
}

TEST_F(MaildropTest, TheMaildropStaysLockedWhileACommitIsUnderWay) {
  Fill("anna", 2);
  const LeaseId lease = store().maildrops().BeginLease({});
  const OpenedMaildrop session = Session("anna", 64, lease);
  engine().HoldCommits();
  Started<absl::StatusOr<uint64_t>> commit(
      store().maildrops().Commit(session.session_token, {{1, 2}}, {}, true));
  store().maildrops().EndLease(lease);
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(Login("anna").status(), HasReason(v1::ERROR_REASON_IN_USE));
  engine().ReleaseCommits();
  EXPECT_EQ(*commit.Get(), 2u);
  EXPECT_EQ(Session("anna").message_count, 0u);
}

TEST_F(MaildropTest, ASessionThatLostItsLeaseDeletesNothing) {
  Fill("anna", 2);
  const LeaseId lease = store().maildrops().BeginLease({});
  const OpenedMaildrop session = Session("anna", 64, lease);
  store().maildrops().EndLease(lease);
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(Commit(session, {{1, 2}}).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_THAT(Read(session, 1).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_EQ(Session("anna").message_count, 2u);
}

TEST_F(MaildropTest, CloseFreesTheLockAndDeletesNothing) {
  Fill("anna", 1);
  const OpenedMaildrop session = Session("anna");
  Close(session);
  Close(session);
  EXPECT_THAT(Commit(session, {{1, 1}}).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_EQ(Session("anna").message_count, 1u);
}

TEST_F(MaildropTest, DeletingTheAccountEndsItsSessions) {
  Fill("anna", 2);
  const OpenedMaildrop session = Session("anna");
  ASSERT_THAT(SyncWait(store().accounts().Delete("anna")), IsOk());
  EXPECT_THAT(Commit(session, {{1, 1}}).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_THAT(Read(session, 1).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
}

TEST_F(MaildropTest, AMaildropThatCanNotBeReadIsNotLeftLocked) {
  Fill("anna", 70);
  Crash();
  engine().FailNext(Call::kScan, absl::UnavailableError("disk"));
  EXPECT_FALSE(Login("anna").ok());
  EXPECT_EQ(Session("anna").rows.size(), 64u);
}

TEST_F(MaildropTest, ManyScatteredDeletionsAreOneCommit) {
  Fill("anna", 3000);
  const OpenedMaildrop session = Session("anna");
  std::vector<UidRange> odd;
  for (uint32_t uid = 1; uid < 3000; uid += 2) odd.push_back({uid, uid});
  EXPECT_EQ(*Commit(session, odd), 1500u);
  EXPECT_EQ(Session("anna").rows.front().uid, 2u);
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
