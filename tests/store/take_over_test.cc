// A login that waits for a maildrop or takes it over, and the delay between logins,
// through the whole store.
#include <gtest/gtest.h>

#include <string>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class TakeOverTest : public StoreTest {
 protected:
  TakeOverTest() { CreateMail(); }
  void CreateMail() {
    CreateAccount("anna");
    for (int i = 0; i < 3; ++i) Deliver("anna", "x\r\n");
  }
  Started<absl::StatusOr<OpenedMaildrop>> StartLogin(LeaseId lease) {
    return Started<absl::StatusOr<OpenedMaildrop>>(
        store().maildrops().Login(lease, {"anna", "secret", {}}, {}, 64, session_options_));
  }
  LeaseId Lease() { return store().maildrops().BeginLease({}); }
};

TEST_F(TakeOverTest, ALoginWaitsUntilTheSessionBeforeIsClosed) {
  const OpenedMaildrop first = Session("anna");
  session_options_.lock_wait = absl::Seconds(10);
  auto second = StartLogin(Lease());
  EXPECT_FALSE(second.done());
  ASSERT_THAT(Commit(first, {{1, 1}}).status(), IsOk());
  ASSERT_TRUE(second.done());
  const auto opened = second.Get();
  ASSERT_THAT(opened.status(), IsOk());
  EXPECT_EQ(opened->message_count, 2u) << "the list is that of the moment";
}

TEST_F(TakeOverTest, AnOlderSessionThatWasTakenOverCanDoNothing) {
  const OpenedMaildrop older = Session("anna");
  session_options_.take_over = true;
  const OpenedMaildrop newer = Session("anna");
  EXPECT_THAT(Commit(older, {{1, 3}}).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_THAT(Read(older, 1).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_THAT(SyncWait(store().maildrops().Rows(older.session_token, 0, 0)).status(),
              HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_THAT(store().maildrops().Renew(older.session_token).status(),
              HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_EQ(Status("anna").message_count, 3u);
  EXPECT_EQ(*Commit(newer, {{1, 1}}), 1u);
}

TEST_F(TakeOverTest, ACommitUnderWayIsDoneBeforeTheMaildropChangesHands) {
  const OpenedMaildrop older = Session("anna");
  engine().HoldCommits();
  Started<absl::StatusOr<uint64_t>> commit(
      store().maildrops().Commit(older.session_token, {{1, 1}}, {}, true));
  session_options_.take_over = true;
  auto newer = StartLogin(Lease());
  EXPECT_FALSE(newer.done());
  engine().ReleaseCommits();
  EXPECT_EQ(*commit.Get(), 1u);
  const auto opened = newer.Get();
  ASSERT_THAT(opened.status(), IsOk());
  EXPECT_EQ(opened->message_count, 2u);
}

TEST_F(TakeOverTest, TheOlderSessionIsNotResumedAfterARestart) {
  const OpenedMaildrop older = Session("anna", 64, Lease());
  session_options_.take_over = true;
  const OpenedMaildrop newer = Session("anna", 64, Lease());
  Crash();
  EXPECT_THAT(SyncWait(store().maildrops().Resume(Lease(), older.session_token)),
              HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_THAT(SyncWait(store().maildrops().Resume(Lease(), newer.session_token)), IsOk());
  EXPECT_EQ(*Commit(newer, {{2, 2}}), 1u);
  ExpectClean();
}

TEST_F(TakeOverTest, AFenceThatCanNotBeWrittenOpensNothing) {
  const OpenedMaildrop older = Session("anna");
  session_options_.take_over = true;
  engine().FailNext(MemoryEngine::Call::kCommit,
                    MakeError(v1::ERROR_REASON_STORE_FAILURE, "the disk is gone"));
  EXPECT_THAT(Login("anna").status(), HasReason(v1::ERROR_REASON_STORE_FAILURE));
  EXPECT_THAT(Login("anna").status(), IsOk()) << "the maildrop is free";
  EXPECT_THAT(Commit(older, {{1, 1}}).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(TakeOverTest, StopWaitingAnswersEverybody) {
  Session("anna");
  session_options_.lock_wait = absl::Seconds(60);
  auto waiting = StartLogin(Lease());
  store().maildrops().StopWaiting();
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(waiting.Get().status(), HasReason(v1::ERROR_REASON_IN_USE));
}

class LoginDelayTest : public StoreTest {
 protected:
  LoginDelayTest() {
    CreateAccount("anna");
    Pop3Policy policy;
    policy.login_delay = absl::Minutes(10);
    SetPolicy("anna", policy);
  }
};

TEST_F(LoginDelayTest, ASecondLoginComesTooSoonAndIsToldWhenToComeAgain) {
  Close(Session("anna"));
  clock_.Advance(absl::Minutes(3));
  const absl::Status soon = Login("anna").status();
  EXPECT_THAT(soon, HasReason(v1::ERROR_REASON_LOGIN_DELAY));
  EXPECT_EQ(RetryAfterOf(soon), absl::Minutes(7));
  clock_.Advance(absl::Minutes(7));
  EXPECT_THAT(Login("anna").status(), IsOk()) << "the attempt didn't count";
}

TEST_F(LoginDelayTest, AWrongPasswordIsToldFirst) {
  Close(Session("anna"));
  EXPECT_THAT(SyncWait(store().maildrops().Login(kUnaryLease, {"anna", "wrong", {}}, {}, 0, {}))
                  .status(),
              HasReason(v1::ERROR_REASON_BAD_CREDENTIALS));
}

TEST_F(LoginDelayTest, ItHoldsForTokensAsWell) {
  Close(Session("anna"));
  const auto authenticated =
      SyncWait(store().accounts().AuthenticatePassword("anna", "secret", {}));
  ASSERT_THAT(authenticated.status(), IsOk());
  EXPECT_THAT(
      SyncWait(store().maildrops().Open(kUnaryLease, authenticated->auth_token, {}, 0, {}))
          .status(),
      HasReason(v1::ERROR_REASON_LOGIN_DELAY));
}

TEST_F(LoginDelayTest, OnlyASuccessfulLoginCounts) {
  SetPolicy("anna", {});
  const OpenedMaildrop holder = Session("anna");
  Pop3Policy policy;
  policy.login_delay = absl::Minutes(10);
  SetPolicy("anna", policy);
  EXPECT_THAT(Login("anna").status(), HasReason(v1::ERROR_REASON_IN_USE));
  Close(holder);
  EXPECT_THAT(Login("anna").status(), IsOk());
}

TEST_F(LoginDelayTest, ATakeOverThatComesTooSoonTakesNothing) {
  const OpenedMaildrop holder = Session("anna");
  session_options_.take_over = true;
  EXPECT_THAT(Login("anna").status(), HasReason(v1::ERROR_REASON_LOGIN_DELAY));
  EXPECT_THAT(Commit(holder, {}).status(), IsOk());
}

}  // namespace
}  // namespace restante::store
