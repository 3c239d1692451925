// The reclaimer: what it gives back, and what it must leave alone.
#include "storage-service/store/reclaimer.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;

class ReclaimerTest : public StoreTest {
 protected:
  void Fill(const std::string& address, int count) {
    CreateAccount(address);
    for (int i = 0; i < count; ++i) ASSERT_THAT(Deliver(address, MessageOf(50)).status, IsOk());
  }
};

TEST_F(ReclaimerTest, ErasesTheBodiesOfExpungedMessages) {
  Fill("anna", 3);
  Delete("anna", {{1, 2}});
  EXPECT_EQ(BodyCount(), 3u);
  EXPECT_EQ(Reclaim(), 2u);
  EXPECT_EQ(BodyCount(), 1u);
  EXPECT_EQ(Reclaim(), 0u);
  ExpectClean();
}

TEST_F(ReclaimerTest, ErasesNothingThatIsNotExpunged) {
  Fill("anna", 3);
  EXPECT_EQ(Reclaim(), 0u);
  EXPECT_EQ(BodyCount(), 3u);
}

TEST_F(ReclaimerTest, KeepsASharedBodyUntilTheLastReferenceIsGone) {
  CreateAccount("anna");
  CreateAccount("bert");
  DeliverTo({"anna", "bert", "anna+again"}, MessageOf(100));
  Delete("anna", {{1, 1}});
  EXPECT_EQ(Reclaim(), 0u);
  EXPECT_EQ(*Read(Session("bert"), 1), MessageOf(100));
  Delete("anna", {{2, 2}});
  EXPECT_EQ(Reclaim(), 0u);
  Crash();
  Delete("bert", {{1, 1}});
  EXPECT_EQ(Reclaim(), 1u);
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
}

TEST_F(ReclaimerTest, WaitsForTheGracePeriod) {
  options_.expunged_grace = absl::Hours(1);
  Fill("anna", 2);
  Delete("anna", {{1, 1}});
  clock_.Advance(absl::Minutes(59));
  EXPECT_EQ(Reclaim(), 0u);
  Delete("anna", {{2, 2}});
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Reclaim(), 1u);
  clock_.Advance(absl::Minutes(59));
  EXPECT_EQ(Reclaim(), 1u);
  ExpectClean();
}

TEST_F(ReclaimerTest, WaitsForTheOldestSession) {
  Fill("anna", 2);
  const OpenedMaildrop session = Session("anna");
  ASSERT_EQ(*Commit(session, {{1, 1}}, false), 1u);
  EXPECT_EQ(Reclaim(), 0u);
  EXPECT_EQ(*Read(session, 1), MessageOf(50));
  Close(session);
  EXPECT_EQ(Reclaim(), 1u);
}

TEST_F(ReclaimerTest, FindsAfterARestartWhatTheLastRunHasLeft) {
  Fill("anna", 3);
  Fill("bert", 3);
  Delete("anna", {{1, 2}});
  Delete("bert", {{3, 3}});
  Crash();
  EXPECT_EQ(Reclaim(), 3u);
  ExpectClean();
}

TEST_F(ReclaimerTest, GoesThroughManyRowsInBatches) {
  Fill("anna", 1300);
  Delete("anna", {{1, 1300}});
  EXPECT_EQ(Reclaim(), 1300u);
  EXPECT_EQ(BodyCount(), 0u);
  EXPECT_EQ(Reclaim(), 0u);
  ExpectClean();
}

TEST_F(ReclaimerTest, ACrashInTheMiddleLosesNothingAndIsMadeGood) {
  for (int failing = 1; failing <= 3; ++failing) {
    const std::string address = absl::StrCat("user", failing);
    Fill(address, 4);
    Delete(address, {{1, 3}});
    engine().FailNth(Call::kEraseBody, failing, absl::UnavailableError("disk"));
    EXPECT_FALSE(SyncWait(store().Reclaim()).ok());
    Crash();
    Reclaim();
    ExpectClean();
    EXPECT_EQ(*Read(Session(address), 4), MessageOf(50));
  }
}

TEST_F(ReclaimerTest, AFailedCommitOfItsOwnIsTriedAgain) {
  Fill("anna", 4);
  Delete("anna", {{1, 3}});
  engine().FailNext(Call::kCommit, absl::UnavailableError("disk"));
  EXPECT_FALSE(SyncWait(store().Reclaim()).ok());
  Reclaim();
  ExpectClean();
  EXPECT_EQ(BodyCount(), 1u);
}

TEST_F(ReclaimerTest, DropsReferencesThatNoRowStandsBehind) {
  Fill("anna", 1);
  const RecipientResult message = Deliver("anna", MessageOf(60));
  Started<absl::Status> added(
      [](MemoryEngine* engine, RecipientResult row) -> Task<absl::Status> {
        const engine::BodyReference nowhere{row.mailbox, 77};
        absl::Status status = co_await Await<absl::Status>([&](Done<absl::Status> done) {
          engine->AddReference(row.guid, nowhere, std::move(done));
        });
        co_return status;
      }(&engine(), message));
  ASSERT_THAT(added.Get(), IsOk());
  const VerifySummary summary = Verify();
  EXPECT_EQ(summary.errors, 0u);
  EXPECT_EQ(summary.notes, 1u);
  Delete("anna", {{2, 2}});
  EXPECT_EQ(Reclaim(), 1u);
  ExpectClean();
}

TEST_F(ReclaimerTest, FinishesTheErasureOfAMailboxThatWasCutShort) {
  Fill("anna", 3);
  engine().FailNth(Call::kEraseBody, 2, absl::UnavailableError("disk"));
  EXPECT_FALSE(SyncWait(store().accounts().Delete("anna")).ok());
  Crash();
  Reclaim();
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
}

TEST_F(ReclaimerTest, TheStoreReclaimsByItself) {
  options_.reclaim_interval = absl::Milliseconds(1);
  options_.clock = nullptr;
  Fill("anna", 1);
  Delete("anna", {{1, 1}});
  // The timer's thread works while this one waits for its effect.
  absl::Mutex mutex;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (BodyCount() > 0 && absl::Now() < deadline) {
    absl::MutexLock lock(&mutex);
    bool never = false;
    mutex.AwaitWithTimeout(absl::Condition(&never), absl::Milliseconds(1));
  }
  EXPECT_EQ(BodyCount(), 0u);
}

}  // namespace
}  // namespace restante::store
