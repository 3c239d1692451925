// Sessions over a broken stream and over a restart of the service.
#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using testing::ElementsAre;

class ResumeTest : public StoreTest {
 protected:
  absl::Status Resume(const OpenedMaildrop& session) {
    return SyncWait(
        store().maildrops().Resume(store().maildrops().BeginLease({}), session.session_token));
  }
  void Fill(int count) {
    CreateAccount("anna");
    for (int i = 0; i < count; ++i) ASSERT_THAT(Deliver("anna", MessageOf(50)).status, IsOk());
  }
};

TEST_F(ResumeTest, ASessionIsTakenUpOnANewStreamWithin5Seconds) {
  Fill(2);
  const LeaseId lease = store().maildrops().BeginLease({});
  const OpenedMaildrop session = Session("anna", 64, lease);
  store().maildrops().EndLease(lease);
  clock_.Advance(absl::Milliseconds(4900));
  EXPECT_THAT(Resume(session), IsOk());
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(*Commit(session, {{1, 1}}), 1u);
}

TEST_F(ResumeTest, ASessionIsLostAfter5Seconds) {
  Fill(2);
  const LeaseId lease = store().maildrops().BeginLease({});
  const OpenedMaildrop session = Session("anna", 64, lease);
  store().maildrops().EndLease(lease);
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(Resume(session), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(ResumeTest, ASessionIsTakenUpAtARestartedService) {
  Fill(3);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  Crash();
  EXPECT_THAT(Commit(session, {{1, 1}}).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  ASSERT_THAT(Resume(session), IsOk());
  EXPECT_THAT(Login("anna").status(), HasReason(v1::ERROR_REASON_IN_USE));
  Deliver("anna", "later\r\n");
  EXPECT_THAT(Uids(session), ElementsAre(1, 2, 3));
  EXPECT_EQ(*Read(session, 2), MessageOf(50));
  EXPECT_EQ(*Commit(session, {{1, 2}}), 2u);
  EXPECT_THAT(Uids(Session("anna")), ElementsAre(3, 4));
  ExpectClean();
}

TEST_F(ResumeTest, AfterARestartWhoComesFirstHasTheMaildrop) {
  Fill(2);
  const OpenedMaildrop old = Session("anna", 64, store().maildrops().BeginLease({}));
  Crash();
  const OpenedMaildrop fresh = Session("anna");
  EXPECT_GT(fresh.fencing_token, old.fencing_token);
  EXPECT_THAT(Resume(old), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_THAT(Commit(old, {{1, 1}}).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  Close(fresh);
  EXPECT_THAT(Resume(old), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_EQ(Status("anna").message_count, 2u);
}

TEST_F(ResumeTest, AnOlderSessionIsFencedOffAlsoAfterAnotherRestart) {
  Fill(3);
  const OpenedMaildrop old = Session("anna", 64, store().maildrops().BeginLease({}));
  Crash();
  Delete("anna", {{1, 1}});
  Crash();
  EXPECT_THAT(Resume(old), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(ResumeTest, ACommitWhoseAnswerACrashSwallowedIsKnownAfterTheRestart) {
  Fill(3);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  engine().HoldCommits();
  Started<absl::StatusOr<uint64_t>> commit(
      store().maildrops().Commit(session.session_token, {{1, 2}}, {}, true));
  Crash(MemoryEngine::InFlight::kDurable);
  EXPECT_FALSE(commit.Get().ok());
  EXPECT_EQ(*Commit(session, {{1, 2}}), 2u) << "told again, without Resume";
  ASSERT_THAT(Resume(session), IsOk());
  EXPECT_EQ(*Commit(session, {{1, 2}}), 2u) << "and with it";
  EXPECT_EQ(Status("anna").message_count, 1u);
}

TEST_F(ResumeTest, ACommitThatACrashLostDeletedNothing) {
  Fill(3);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  engine().HoldCommits();
  Started<absl::StatusOr<uint64_t>> commit(
      store().maildrops().Commit(session.session_token, {{1, 2}}, {}, true));
  Crash(MemoryEngine::InFlight::kLost);
  EXPECT_FALSE(commit.Get().ok());
  EXPECT_EQ(Status("anna").message_count, 3u);
  ASSERT_THAT(Resume(session), IsOk());
  EXPECT_EQ(*Commit(session, {{1, 2}}), 2u);
  ExpectClean();
}

TEST_F(ResumeTest, AClosedSessionCanNotBeResumed) {
  Fill(1);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  Close(session);
  EXPECT_THAT(Resume(session), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(ResumeTest, ASessionThatEndedAfterTheRestartCanNotBeResumedAgain) {
  Fill(1);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  Crash();
  ASSERT_THAT(Resume(session), IsOk());
  Close(session);
  EXPECT_THAT(Resume(session), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(ResumeTest, SessionsOfBeforeAreTakenUpOnlyForAWhile) {
  Fill(1);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  Crash();
  clock_.Advance(options_.resume_window);
  EXPECT_THAT(Resume(session), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(ResumeTest, TheSessionOfADeletedAccountIsLost) {
  Fill(1);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  Crash();
  ASSERT_THAT(SyncWait(store().accounts().Delete("anna")), IsOk());
  EXPECT_THAT(Resume(session), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(ResumeTest, TheListIsExactAlsoWhenSomeOfItWasReclaimedMeanwhile) {
  Fill(4);
  const OpenedMaildrop session = Session("anna", 64, store().maildrops().BeginLease({}));
  ASSERT_EQ(*Commit(session, {{2, 3}}, false), 2u);
  Crash();
  EXPECT_EQ(Reclaim(), 2u) << "nobody has taken the session up yet";
  ASSERT_THAT(Resume(session), IsOk());
  EXPECT_EQ(Rows(session).size(), 4u);
  EXPECT_EQ(Rows(session)[1].uidl, session.rows[1].uidl);
  EXPECT_THAT(Read(session, 2).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_EQ(*Read(session, 4), MessageOf(50));
}

TEST_F(ResumeTest, FencingTokensGrowOverRestarts) {
  Fill(1);
  uint64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    const OpenedMaildrop session = Session("anna");
    EXPECT_GT(session.fencing_token, last);
    last = session.fencing_token;
    Crash();
  }
}

}  // namespace
}  // namespace restante::store
