#include "storage-service/store/session_table.h"

#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class SessionTableTest : public ::testing::Test {
 protected:
  // Opens a session that holds `mailbox`.
  uint64_t Open(const MailboxId& mailbox, LeaseId lease) {
    const absl::StatusOr<uint64_t> fencing = table_.Reserve(mailbox, lease);
    EXPECT_THAT(fencing.status(), IsOk());
    auto session = std::make_shared<Session>();
    session->facts.fencing = *fencing;
    table_.Install(std::move(session));
    return *fencing;
  }

  FakeClock clock_;
  SessionTable table_{7, &clock_, absl::Seconds(5), absl::Seconds(30)};
  const MailboxId mailbox_ = Id128::Random();
};

TEST_F(SessionTableTest, FencingTokensHaveTheEpochAboveACounter) {
  const LeaseId lease = table_.BeginLease();
  const uint64_t first = Open(mailbox_, lease);
  const uint64_t second = Open(Id128::Random(), lease);
  EXPECT_EQ(first, uint64_t{7} << 32 | 1);
  EXPECT_EQ(second, first + 1);
  EXPECT_TRUE(table_.IsOfThisEpoch(first));
  EXPECT_FALSE(table_.IsOfThisEpoch(uint64_t{6} << 32 | 1));
}

TEST_F(SessionTableTest, OneMaildropHasOneSession) {
  const LeaseId lease = table_.BeginLease();
  const uint64_t first = Open(mailbox_, lease);
  EXPECT_THAT(table_.Reserve(mailbox_, lease).status(), HasReason(v1::ERROR_REASON_IN_USE));
  table_.Release(first);
  EXPECT_GT(Open(mailbox_, lease), first);
}

TEST_F(SessionTableTest, ASessionOutlivesItsStreamBy5Seconds) {
  const LeaseId lease = table_.BeginLease();
  const uint64_t fencing = Open(mailbox_, lease);
  clock_.Advance(absl::Hours(10));
  EXPECT_NE(table_.Find(fencing), nullptr) << "a stream's session needs no calls";
  table_.EndLease(lease);
  clock_.Advance(absl::Milliseconds(4999));
  EXPECT_NE(table_.Find(fencing), nullptr);
  EXPECT_THAT(table_.Reserve(mailbox_, table_.BeginLease()).status(),
              HasReason(v1::ERROR_REASON_IN_USE));
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(table_.Find(fencing), nullptr);
  EXPECT_THAT(table_.Reserve(mailbox_, table_.BeginLease()).status(), IsOk());
}

TEST_F(SessionTableTest, ALoginTakesTheLockOfASessionWhoseLeaseIsOver) {
  const LeaseId lease = table_.BeginLease();
  Open(mailbox_, lease);
  table_.EndLease(lease);
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(table_.Reserve(mailbox_, table_.BeginLease()).status(), IsOk());
  EXPECT_EQ(table_.sessions(), 1u);
}

TEST_F(SessionTableTest, ASessionCanMoveToAnotherStream) {
  const LeaseId lease = table_.BeginLease();
  const uint64_t fencing = Open(mailbox_, lease);
  table_.EndLease(lease);
  clock_.Advance(absl::Seconds(4));
  const LeaseId next = table_.BeginLease();
  EXPECT_THAT(table_.Move(fencing, next), IsOk());
  clock_.Advance(absl::Seconds(60));
  EXPECT_NE(table_.Find(fencing), nullptr);
}

TEST_F(SessionTableTest, ASessionCanNotMoveAfterItsLease) {
  const LeaseId lease = table_.BeginLease();
  const uint64_t fencing = Open(mailbox_, lease);
  table_.EndLease(lease);
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(table_.Move(fencing, table_.BeginLease()),
              HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(SessionTableTest, AUnarySessionLives30SecondsAfterEachCall) {
  const uint64_t fencing = Open(mailbox_, kUnaryLease);
  for (int call = 0; call < 3; ++call) {
    clock_.Advance(absl::Seconds(29));
    EXPECT_EQ(*table_.Renew(fencing), absl::Seconds(30));
  }
  clock_.Advance(absl::Seconds(30));
  EXPECT_THAT(table_.Renew(fencing).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(SessionTableTest, NothingIsOpenedForAStreamThatIsGone) {
  const LeaseId lease = table_.BeginLease();
  table_.EndLease(lease);
  EXPECT_THAT(table_.Reserve(mailbox_, lease).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_THAT(table_.Reserve(mailbox_, table_.BeginLease()).status(), IsOk());
}

TEST_F(SessionTableTest, ASessionThatIsOpeningKeepsTheLock) {
  const LeaseId lease = table_.BeginLease();
  ASSERT_THAT(table_.Reserve(mailbox_, lease).status(), IsOk());
  table_.EndLease(lease);
  clock_.Advance(absl::Seconds(60));
  EXPECT_THAT(table_.Reserve(mailbox_, table_.BeginLease()).status(),
              HasReason(v1::ERROR_REASON_IN_USE));
}

TEST_F(SessionTableTest, ABusySessionKeepsTheLockUntilItIsDone) {
  const LeaseId lease = table_.BeginLease();
  const uint64_t fencing = Open(mailbox_, lease);
  {
    const auto kept = table_.FindAndKeep(fencing);
    ASSERT_TRUE(kept);
    table_.EndLease(lease);
    clock_.Advance(absl::Seconds(60));
    EXPECT_THAT(table_.Reserve(mailbox_, table_.BeginLease()).status(),
                HasReason(v1::ERROR_REASON_IN_USE));
  }
  EXPECT_THAT(table_.Reserve(mailbox_, table_.BeginLease()).status(), IsOk());
}

TEST_F(SessionTableTest, ABusySessionThatIsReleasedEndsWhenItIsDone) {
  const LeaseId lease = table_.BeginLease();
  const uint64_t fencing = Open(mailbox_, lease);
  {
    const auto kept = table_.FindAndKeep(fencing);
    table_.Release(fencing);
    EXPECT_EQ(table_.Find(fencing), nullptr);
    EXPECT_EQ(table_.sessions(), 1u);
  }
  EXPECT_EQ(table_.sessions(), 0u);
}

TEST_F(SessionTableTest, ExpireEndsWhatIsOverAndTellsWhenToLookAgain) {
  const LeaseId lease = table_.BeginLease();
  Open(mailbox_, lease);
  Open(Id128::Random(), kUnaryLease);
  table_.EndLease(lease);
  EXPECT_EQ(table_.Expire(), clock_.Now() + absl::Seconds(5));
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(table_.Expire(), clock_.Now() + absl::Seconds(25));
  EXPECT_EQ(table_.sessions(), 1u);
  clock_.Advance(absl::Seconds(25));
  EXPECT_EQ(table_.Expire(), absl::InfiniteFuture());
  EXPECT_EQ(table_.sessions(), 0u);
}

// A front-end that shows life every second, and the timer that calls Expire as often.
class SilenceTest : public SessionTableTest {
 protected:
  void SetUp() override {
    Maildrops::LeaseEvents events;
    events.held_up = [this] { return held_up_; };
    events.over = [this] { ++over_; };
    lease_ = table_.BeginLease(std::move(events));
    table_.WatchForSilence(lease_, absl::Seconds(1));
    table_.Expire();
    fencing_ = Open(mailbox_, lease_);
  }
  // Time passes, in which the timer works.
  void Pass(absl::Duration time) {
    for (; time > absl::Seconds(1); time -= absl::Seconds(1)) {
      clock_.Advance(absl::Seconds(1));
      table_.Expire();
    }
    clock_.Advance(time);
    table_.Expire();
  }

  LeaseId lease_ = 0;
  uint64_t fencing_ = 0;
  bool held_up_ = false;
  int over_ = 0;
};

TEST_F(SilenceTest, ASessionLivesAsLongAsItsFrontEndShowsLife) {
  for (int second = 0; second < 20; ++second) {
    Pass(absl::Milliseconds(999));
    table_.Heard(lease_);
  }
  EXPECT_NE(table_.Find(fencing_), nullptr);
  EXPECT_EQ(over_, 0);
}

TEST_F(SilenceTest, SilenceFreesTheLockAfter5Seconds) {
  Pass(absl::Seconds(2));
  table_.Heard(lease_);
  Pass(absl::Milliseconds(4999));
  EXPECT_NE(table_.Find(fencing_), nullptr);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(table_.Reserve(mailbox_, table_.BeginLease()).status(), IsOk());
  EXPECT_EQ(table_.Find(fencing_), nullptr);
}

TEST_F(SilenceTest, SilenceEndsTheLeaseOnceAndWhatIsLeftOfTheStream) {
  Pass(absl::Milliseconds(4999));
  EXPECT_EQ(over_, 0);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(over_, 1);
  EXPECT_EQ(table_.sessions(), 0u);
  EXPECT_THAT(table_.Reserve(mailbox_, lease_).status(),
              HasReason(v1::ERROR_REASON_LEASE_LOST));
  table_.Heard(lease_);
  table_.EndLease(lease_);
  Pass(absl::Seconds(10));
  EXPECT_EQ(over_, 1);
}

TEST_F(SilenceTest, TheTimerIsToldToLookWhenTheSilenceEndsTheLease) {
  EXPECT_EQ(table_.Expire(), clock_.Now() + SessionTable::kWatchInterval);
  Pass(absl::Milliseconds(4500));
  EXPECT_EQ(table_.Expire(), clock_.Now() + absl::Milliseconds(500));
}

TEST_F(SilenceTest, WhoeverRevivesAfterItsSilenceHasLostItsSessions) {
  Pass(absl::Seconds(5));
  EXPECT_THAT(table_.Move(fencing_, table_.BeginLease()),
              HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(SilenceTest, AfterABreakTheGraceIsCountedFromTheLastSignOfLife) {
  Pass(absl::Seconds(3));
  table_.EndLease(lease_);
  Pass(absl::Milliseconds(1999));
  EXPECT_NE(table_.Find(fencing_), nullptr);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(table_.Find(fencing_), nullptr);
  table_.Expire();
  EXPECT_EQ(over_, 0) << "nothing is told after EndLease";
}

TEST_F(SilenceTest, AWaitOfASilentFrontEndIsGivenUp) {
  auto waiting = Started<absl::StatusOr<LockGrant>>(
      table_.Acquire(mailbox_, lease_, absl::Seconds(60), true));
  Pass(absl::Seconds(5));
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(waiting.Get().status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_EQ(table_.sessions(), 0u);
}

TEST_F(SilenceTest, OurOwnStandstillIsNotTheFrontEndsSilence) {
  Pass(absl::Seconds(1));
  // The timer should have been called a second later.
  clock_.Advance(absl::Seconds(61));
  EXPECT_NE(table_.Find(fencing_), nullptr) << "asked before the timer is called again";
  table_.Expire();
  EXPECT_EQ(over_, 0);
  EXPECT_NE(table_.Find(fencing_), nullptr);
  // A second of silence before, one in which the timer wasn't due, and three now.
  Pass(absl::Milliseconds(2999));
  EXPECT_NE(table_.Find(fencing_), nullptr);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(table_.Find(fencing_), nullptr);
  EXPECT_EQ(over_, 1);
}

TEST_F(SilenceTest, AFrontEndThatWeDoNotListenToIsNotSilent) {
  held_up_ = true;
  Pass(absl::Seconds(20));
  EXPECT_NE(table_.Find(fencing_), nullptr);
  held_up_ = false;
  Pass(absl::Milliseconds(4999));
  EXPECT_NE(table_.Find(fencing_), nullptr);
  Pass(absl::Seconds(1));
  EXPECT_EQ(table_.Find(fencing_), nullptr);
}

TEST_F(SilenceTest, RareHeartbeatsMayBeMissingThreeTimes) {
  table_.WatchForSilence(lease_, absl::Seconds(10));
  Pass(absl::Milliseconds(29'999));
  EXPECT_NE(table_.Find(fencing_), nullptr);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(table_.Find(fencing_), nullptr);
}

}  // namespace
}  // namespace restante::store
