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

}  // namespace
}  // namespace restante::store
