// Expunging chosen messages, and what a POP3 session sees of it.
#include "storage-service/store/expunge.h"

#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using testing::ElementsAre;
using testing::IsEmpty;

class ExpungeTest : public StoreTest {
 protected:
  void Fill(int count) {
    CreateAccount("anna");
    for (int i = 1; i <= count; ++i) {
      ASSERT_THAT(Deliver("anna", std::string(i, 'x') + "\r\n").status, IsOk());
    }
  }
  absl::StatusOr<ExpungeAnswer> Expunge(std::vector<UidRange> uids, bool only_deleted = false,
                                        uint32_t limit = 0) {
    return SyncWait(
        store().mailboxes().Expunge("anna", "", std::move(uids), only_deleted, limit));
  }
  void MarkDeleted(std::vector<UidRange> uids) {
    EXPECT_THAT(
        SyncWait(store().mailboxes().StoreFlags("anna", "", std::move(uids),
                                                {FlagChange::Mode::kAdd, {"\\Deleted"}, {}}, 0))
            .status(),
        IsOk());
  }
  std::vector<uint32_t> Live() {
    const auto page = SyncWait(store().mailboxes().ListMessages("anna", "", 0, 0));
    std::vector<uint32_t> uids;
    for (const MessageRow& row : page->rows) uids.push_back(row.uid);
    return uids;
  }
};

TEST_F(ExpungeTest, TakesTheChosenMessagesInOneChange) {
  Fill(5);
  const uint64_t before = Status("anna").highest_modseq;
  const auto answer = Expunge({{4, 99}, {1, 1}});
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_THAT(answer->uids, ElementsAre(1, 4, 5));
  EXPECT_EQ(answer->highest_modseq, before + 1);
  EXPECT_EQ(answer->next_uid, 0u);
  EXPECT_THAT(Live(), ElementsAre(2, 3));
  EXPECT_EQ(Status("anna").octets, 4u + 5u);
  EXPECT_EQ(Reclaim(), 3u) << "the reclaimer was told";
  ExpectClean();
}

TEST_F(ExpungeTest, OfThoseWithDeletedAloneLeavesTheOthers) {
  Fill(4);
  MarkDeleted({{1, 1}, {3, 3}});
  EXPECT_THAT(Expunge({{2, 4}}, true)->uids, ElementsAre(3));
  EXPECT_THAT(Expunge({{1, UINT32_MAX}}, true)->uids, ElementsAre(1));
  EXPECT_EQ(Status("anna").deleted_count, 0u);
  const uint64_t before = Status("anna").highest_modseq;
  EXPECT_THAT(Expunge({{1, UINT32_MAX}}, true)->uids, IsEmpty());
  EXPECT_EQ(Status("anna").highest_modseq, before);
  ExpectClean();
}

TEST_F(ExpungeTest, GoesOnWhereTheLimitWas) {
  Fill(5);
  MarkDeleted({{1, 4}});
  auto answer = Expunge({{1, 5}}, true, 3);
  EXPECT_THAT(answer->uids, ElementsAre(1, 2, 3));
  ASSERT_EQ(answer->next_uid, 4u);
  answer = Expunge({{4, 5}}, true, 3);
  EXPECT_THAT(answer->uids, ElementsAre(4));
  EXPECT_EQ(answer->next_uid, 0u);
}

TEST_F(ExpungeTest, APop3SessionRetrievesWhatWasExpungedFromItsList) {
  Fill(3);
  const OpenedMaildrop session = Session("anna");
  ASSERT_THAT(Expunge({{2, 2}}).status(), IsOk());
  EXPECT_EQ(Reclaim(), 0u) << "the session may want it";
  EXPECT_THAT(Uids(session), ElementsAre(1, 2, 3));
  EXPECT_EQ(*Read(session, 2), "xx\r\n");
  // Its own deletion passes over it, and counts what it has deleted itself.
  EXPECT_EQ(*Commit(session, {{1, 2}}), 1u);
  EXPECT_THAT(Live(), ElementsAre(3));
  EXPECT_EQ(Reclaim(), 2u);
  ExpectClean();
}

TEST_F(ExpungeTest, WhatASessionDeletedMeanwhileIsPassedOver) {
  Fill(3);
  MarkDeleted({{1, 3}});
  Delete("anna", {{1, 2}});
  EXPECT_THAT(Expunge({{1, 3}}, true)->uids, ElementsAre(3));
  EXPECT_EQ(Status("anna").message_count, 0u);
  EXPECT_EQ(Reclaim(), 3u);
  ExpectClean();
}

TEST_F(ExpungeTest, ALostAnswerLeavesAllOrNothingExpunged) {
  for (const auto effect : {MemoryEngine::Effect::kDone, MemoryEngine::Effect::kNothingDone}) {
    Open();
    Fill(3);
    engine().FailNext(Call::kCommit, absl::UnavailableError("as the test wants"), effect);
    EXPECT_THAT(Expunge({{1, 2}}).status(), HasReason(v1::ERROR_REASON_STORE_FAILURE));
    const bool done = effect == MemoryEngine::Effect::kDone;
    EXPECT_EQ(Live().size(), done ? 1u : 3u);
    EXPECT_EQ(Reclaim(), done ? 2u : 0u) << "what was expunged after all is reclaimed";
    ExpectClean();
  }
}

TEST_F(ExpungeTest, WhatACrashCutsShortIsAllThere) {
  Fill(3);
  engine().HoldCommits();
  Started<absl::StatusOr<ExpungeAnswer>> expunge(
      store().mailboxes().Expunge("anna", "", {{1, 3}}, false, 0));
  engine().AwaitHeldCommits(1);
  Crash();
  EXPECT_FALSE(expunge.Get().ok());
  EXPECT_THAT(Live(), ElementsAre(1, 2, 3));
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
