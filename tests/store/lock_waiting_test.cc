// Waiting for a maildrop's lock, and taking it over: SessionTable with LockQueue.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "storage-service/store/session_table.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Answer = absl::StatusOr<LockGrant>;

class LockWaitingTest : public ::testing::Test {
 protected:
  Started<Answer> Acquire(absl::Duration wait, bool take_over = false) {
    return AcquireFor(lease_, wait, take_over);
  }
  Started<Answer> AcquireFor(LeaseId lease, absl::Duration wait, bool take_over = false) {
    return Started<Answer>(table_.Acquire(mailbox_, lease, wait, take_over));
  }
  // The session of a lock that was given is open from now on.
  uint64_t Install(Started<Answer>& acquired) {
    EXPECT_TRUE(acquired.done());
    const Answer answer = acquired.Get();
    EXPECT_THAT(answer.status(), IsOk());
    auto session = std::make_shared<Session>();
    session->facts.fencing = answer->fencing;
    table_.Install(std::move(session));
    return answer->fencing;
  }
  uint64_t Open() {
    Started<Answer> acquired = Acquire(absl::ZeroDuration());
    return Install(acquired);
  }

  FakeClock clock_;
  int wakes_ = 0;
  SessionTable table_{7, &clock_, absl::Seconds(5), absl::Seconds(30), [this] { ++wakes_; }};
  const MailboxId mailbox_ = Id128::Random();
  const LeaseId lease_ = table_.BeginLease();
};

TEST_F(LockWaitingTest, AFreeLockIsGivenAtOnce) {
  Started<Answer> acquired = Acquire(absl::Seconds(10), true);
  ASSERT_TRUE(acquired.done());
  EXPECT_FALSE(acquired.Get()->taken_over);
}

TEST_F(LockWaitingTest, WhoeverMayNotWaitIsToldAtOnce) {
  Open();
  Started<Answer> second = Acquire(absl::ZeroDuration());
  ASSERT_TRUE(second.done());
  EXPECT_THAT(second.Get().status(), HasReason(v1::ERROR_REASON_IN_USE));
}

TEST_F(LockWaitingTest, TheLockGoesToThoseWhoWaitInTheirOrder) {
  const uint64_t holder = Open();
  Started<Answer> second = Acquire(absl::Seconds(10));
  Started<Answer> third = Acquire(absl::Seconds(10));
  EXPECT_FALSE(second.done());
  table_.Release(holder);
  ASSERT_TRUE(second.done());
  EXPECT_FALSE(third.done());
  const uint64_t fencing = Install(second);
  EXPECT_GT(fencing, holder);
  table_.Release(fencing);
  EXPECT_TRUE(third.done());
  EXPECT_FALSE(third.Get()->taken_over);
}

TEST_F(LockWaitingTest, NobodyOvertakesThoseWhoWait) {
  const LeaseId dying = table_.BeginLease();
  Started<Answer> first = AcquireFor(dying, absl::ZeroDuration());
  Install(first);
  Started<Answer> waiting = Acquire(absl::Seconds(60));
  table_.EndLease(dying);
  clock_.Advance(absl::Seconds(5));
  Started<Answer> late = Acquire(absl::ZeroDuration());
  ASSERT_TRUE(waiting.done()) << "the holder's lease is over";
  EXPECT_THAT(waiting.Get().status(), IsOk());
  EXPECT_THAT(late.Get().status(), HasReason(v1::ERROR_REASON_IN_USE));
}

TEST_F(LockWaitingTest, AWaitEndsInUseWhenItsTimeIsUp) {
  Open();
  table_.Expire();
  Started<Answer> waiting = Acquire(absl::Seconds(10));
  EXPECT_EQ(table_.Expire(), clock_.Now() + absl::Seconds(10));
  clock_.Advance(absl::Seconds(10));
  table_.Expire();
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(waiting.Get().status(), HasReason(v1::ERROR_REASON_IN_USE));
}

TEST_F(LockWaitingTest, TheTimerIsWokenForAnEarlierEnd) {
  Open();
  Started<Answer> first = Acquire(absl::Seconds(10));
  EXPECT_EQ(wakes_, 1);
  table_.Expire();
  Started<Answer> second = Acquire(absl::Seconds(20));
  EXPECT_EQ(wakes_, 1);
  Started<Answer> third = Acquire(absl::Seconds(5));
  EXPECT_EQ(wakes_, 2);
  table_.StopWaiting();
}

TEST_F(LockWaitingTest, AWaitIsGivenUpWhenItsStreamBreaks) {
  const uint64_t holder = Open();
  const LeaseId breaking = table_.BeginLease();
  Started<Answer> waiting = AcquireFor(breaking, absl::Seconds(10));
  Started<Answer> behind = Acquire(absl::Seconds(10));
  table_.EndLease(breaking);
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(waiting.Get().status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  table_.Release(holder);
  EXPECT_TRUE(behind.done());
}

TEST_F(LockWaitingTest, OnlySoManyWaitForOneMaildrop) {
  Open();
  std::vector<Started<Answer>> waiting;
  for (size_t i = 0; i < LockQueue::kMostForOneMaildrop; ++i) {
    waiting.push_back(Acquire(absl::Seconds(10)));
    EXPECT_FALSE(waiting.back().done());
  }
  Started<Answer> refused = Acquire(absl::Seconds(10));
  ASSERT_TRUE(refused.done());
  EXPECT_THAT(refused.Get().status(), HasReason(v1::ERROR_REASON_IN_USE));
  table_.StopWaiting();
  for (Started<Answer>& one : waiting) {
    EXPECT_THAT(one.Get().status(), HasReason(v1::ERROR_REASON_IN_USE));
  }
}

TEST_F(LockWaitingTest, NobodyWaitsAfterStopWaiting) {
  Open();
  table_.StopWaiting();
  Started<Answer> waiting = Acquire(absl::Seconds(10));
  ASSERT_TRUE(waiting.done());
  EXPECT_THAT(waiting.Get().status(), HasReason(v1::ERROR_REASON_IN_USE));
}

TEST_F(LockWaitingTest, ATakeOverEndsTheOlderSession) {
  const uint64_t older = Open();
  Started<Answer> newer = Acquire(absl::ZeroDuration(), true);
  ASSERT_TRUE(newer.done());
  const Answer answer = newer.Get();
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_TRUE(answer->taken_over);
  EXPECT_GT(answer->fencing, older);
  EXPECT_EQ(table_.Find(older), nullptr);
  EXPECT_FALSE(table_.FindAndKeep(older));
  EXPECT_THAT(table_.Renew(older).status(), HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_THAT(table_.Move(older, lease_), HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(LockWaitingTest, ATakeOverComesAfterTheWait) {
  const uint64_t older = Open();
  Started<Answer> newer = Acquire(absl::Seconds(3), true);
  table_.Expire();
  EXPECT_FALSE(newer.done());
  EXPECT_NE(table_.Find(older), nullptr);
  clock_.Advance(absl::Seconds(3));
  table_.Expire();
  ASSERT_TRUE(newer.done());
  EXPECT_TRUE(newer.Get()->taken_over);
  EXPECT_EQ(table_.Find(older), nullptr);
}

TEST_F(LockWaitingTest, ATakeOverWaitsForACommitThatIsUnderWay) {
  const uint64_t older = Open();
  auto commit = table_.FindAndKeep(older);
  ASSERT_TRUE(commit);
  Started<Answer> newer = Acquire(absl::ZeroDuration(), true);
  EXPECT_FALSE(newer.done());
  EXPECT_EQ(table_.Find(older), nullptr) << "the older session may begin nothing new";
  EXPECT_FALSE(table_.FindAndKeep(older));
  commit.reset();
  ASSERT_TRUE(newer.done());
  EXPECT_THAT(newer.Get().status(), IsOk());
}

TEST_F(LockWaitingTest, ATakeOverWaitsForASessionThatIsOpening) {
  Started<Answer> opening = Acquire(absl::ZeroDuration());
  Started<Answer> newer = Acquire(absl::ZeroDuration(), true);
  EXPECT_FALSE(newer.done());
  const uint64_t older = Install(opening);
  EXPECT_EQ(table_.Find(older), nullptr);
  ASSERT_TRUE(newer.done());
  EXPECT_TRUE(newer.Get()->taken_over);
}

TEST_F(LockWaitingTest, OfTwoTakeOversTheNewerLoginHasTheLockInTheEnd) {
  const uint64_t oldest = Open();
  auto commit = table_.FindAndKeep(oldest);
  Started<Answer> second = Acquire(absl::ZeroDuration(), true);
  Started<Answer> third = Acquire(absl::ZeroDuration(), true);
  Started<Answer> patient = Acquire(absl::Seconds(60));
  commit.reset();
  const uint64_t lost = Install(second);
  ASSERT_TRUE(third.done());
  const uint64_t kept = Install(third);
  EXPECT_EQ(table_.Find(lost), nullptr);
  EXPECT_NE(table_.Find(kept), nullptr);
  EXPECT_FALSE(patient.done());
  table_.Release(kept);
  EXPECT_TRUE(patient.done());
}

class CancelTest : public LockWaitingTest {
 protected:
  Started<Answer> AcquireCancellable(absl::Duration wait, bool take_over = false) {
    return Started<Answer>(table_.Acquire(mailbox_, lease_, wait, take_over, pending_));
  }
  void Cancel() {
    pending_->Cancel();
    table_.GiveUpCancelled();
  }
  const std::shared_ptr<PendingLogin> pending_ = std::make_shared<PendingLogin>();
};

TEST_F(CancelTest, AWaitThatIsGivenUpEndsAtOnceAndTheNextHasItsTurn) {
  const uint64_t holder = Open();
  Started<Answer> gone = AcquireCancellable(absl::Seconds(10));
  Started<Answer> next = Acquire(absl::Seconds(10));
  Cancel();
  ASSERT_TRUE(gone.done());
  EXPECT_TRUE(absl::IsCancelled(gone.Get().status()));
  EXPECT_FALSE(next.done());
  EXPECT_NE(table_.Find(holder), nullptr);
  table_.Release(holder);
  ASSERT_TRUE(next.done());
  EXPECT_THAT(next.Get().status(), IsOk());
}

TEST_F(CancelTest, WhoeverWasGivenUpTakesNothingOver) {
  const uint64_t holder = Open();
  Started<Answer> gone = AcquireCancellable(absl::Seconds(3), true);
  Cancel();
  clock_.Advance(absl::Seconds(3));
  table_.Expire();
  EXPECT_TRUE(absl::IsCancelled(gone.Get().status()));
  EXPECT_NE(table_.Find(holder), nullptr);
}

TEST_F(CancelTest, ATimerThatIsQuickerThanTheCancelTakesNothingOverEither) {
  const uint64_t holder = Open();
  Started<Answer> gone = AcquireCancellable(absl::Seconds(3), true);
  pending_->Cancel();
  clock_.Advance(absl::Seconds(3));
  table_.Expire();
  EXPECT_TRUE(absl::IsCancelled(gone.Get().status()));
  EXPECT_NE(table_.Find(holder), nullptr);
}

TEST_F(CancelTest, WhoeverIsGivenUpBeforeItAsksGetsNoLock) {
  Cancel();
  Started<Answer> gone = AcquireCancellable(absl::Seconds(3), true);
  ASSERT_TRUE(gone.done());
  EXPECT_TRUE(absl::IsCancelled(gone.Get().status()));
  Open();
}

TEST_F(CancelTest, OnlyTheOneThatIsMeantIsGivenUp) {
  Open();
  Started<Answer> other = Acquire(absl::Seconds(10));
  Started<Answer> gone = AcquireCancellable(absl::Seconds(10));
  Cancel();
  EXPECT_TRUE(gone.done());
  EXPECT_FALSE(other.done());
  table_.StopWaiting();
}

}  // namespace
}  // namespace restante::store
