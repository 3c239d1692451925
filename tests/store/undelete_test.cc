// Bringing back what was deleted: what comes back and how, what doesn't, and that it is
// all or none whatever fails.
#include "storage-service/store/undelete.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kGrace = absl::Hours(24);

class UndeleteTest : public StoreTest {
 protected:
  UndeleteTest() {
    options_.expunged_grace = kGrace;
    CreateAccount("anna");
  }

  void Fill(int count) {
    for (int i = 1; i <= count; ++i) {
      ASSERT_THAT(Deliver("anna", Body(i)).status, IsOk());
    }
  }
  static std::string Body(int i) { return absl::StrCat("Subject: ", i, "\r\n\r\n.body\r\n"); }

  absl::StatusOr<std::vector<UndeletedMessage>> Undelete(std::vector<uint32_t> uids) {
    return SyncWait(store().mailboxes().Undelete("anna", "", std::move(uids)));
  }
  std::vector<ExpungedMessage> Expunged(uint32_t page_size = 0) {
    std::vector<ExpungedMessage> all;
    uint64_t modseq = 0;
    uint32_t uid = 0;
    while (true) {
      auto page =
          SyncWait(store().mailboxes().ListExpunged("anna", "", modseq, uid, page_size));
      EXPECT_THAT(page.status(), IsOk());
      if (!page.ok()) return all;
      for (ExpungedMessage& message : page->messages) all.push_back(std::move(message));
      if (page->end) return all;
      modseq = all.back().row.modseq;
      uid = all.back().row.uid;
    }
  }
  std::vector<uint32_t> ExpungedUids(uint32_t page_size = 0) {
    std::vector<uint32_t> uids;
    for (const ExpungedMessage& message : Expunged(page_size)) uids.push_back(message.row.uid);
    return uids;
  }
  std::vector<MessageRow> AllRows() {
    return SyncWait(store().mailboxes().ListMessages("anna", "", 0, 0))->rows;
  }
  std::vector<uint32_t> AllUids() {
    std::vector<uint32_t> uids;
    for (const MessageRow& row : AllRows()) uids.push_back(row.uid);
    return uids;
  }
};

TEST_F(UndeleteTest, AMessageComesBackAsItWasUnderANewUid) {
  Fill(3);
  const MessageRow before = AllRows()[1];
  clock_.Advance(absl::Hours(1));
  Delete("anna", {{2, 2}});
  const MailboxStatus deleted = Status("anna");
  clock_.Advance(absl::Hours(1));

  const auto undeleted = Undelete({2});
  ASSERT_THAT(undeleted.status(), IsOk());
  ASSERT_EQ(undeleted->size(), 1u);
  EXPECT_EQ((*undeleted)[0].old_uid, 2u);
  EXPECT_EQ((*undeleted)[0].new_uid, 4u);
  EXPECT_EQ((*undeleted)[0].uidl, before.uidl);

  const MessageRow after = AllRows()[2];
  EXPECT_EQ(after.uid, 4u);
  EXPECT_EQ(after.uidl, before.uidl);
  EXPECT_EQ(after.guid, before.guid);
  EXPECT_EQ(after.octets, before.octets);
  EXPECT_EQ(after.header_octets, before.header_octets);
  EXPECT_EQ(after.internal_date, before.internal_date);
  EXPECT_EQ(after.save_date, clock_.Now()) << "policies count from its return";
  EXPECT_EQ(after.has_dot_line, before.has_dot_line);
  EXPECT_GT(after.modseq, deleted.highest_modseq);
  EXPECT_EQ(*Read(Session("anna"), 4), Body(2));
  EXPECT_EQ(Status("anna").uid_next, 5u);
  ExpectClean();
}

TEST_F(UndeleteTest, ManyComeBackInTheirOldOrderAndAreToldInTheOrderAsked) {
  Fill(5);
  Delete("anna", {{4, 5}});
  Delete("anna", {{1, 2}});
  const auto undeleted = Undelete({5, 1, 4});
  ASSERT_THAT(undeleted.status(), IsOk());
  std::vector<uint32_t> news;
  for (const UndeletedMessage& message : *undeleted) news.push_back(message.new_uid);
  EXPECT_THAT(news, ElementsAre(8, 6, 7));
  EXPECT_THAT(AllUids(), ElementsAre(3, 6, 7, 8));
  EXPECT_EQ(*Read(Session("anna"), 8), Body(5));
  EXPECT_THAT(ExpungedUids(), ElementsAre(2));
  ExpectClean();
}

TEST_F(UndeleteTest, TheSecondTimeThereIsNothingToBringBack) {
  Fill(2);
  Delete("anna", {{1, 1}});
  ASSERT_THAT(Undelete({1}).status(), IsOk());
  EXPECT_THAT(Undelete({1}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_THAT(AllUids(), ElementsAre(2, 3));
  // Deleted once more, it is found under the UID that it had last.
  Delete("anna", {{3, 3}});
  EXPECT_THAT(ExpungedUids(), ElementsAre(3));
  EXPECT_EQ(Undelete({3})->at(0).new_uid, 4u);
  ExpectClean();
}

TEST_F(UndeleteTest, OneThatCanNotComeBackRefusesAll) {
  Fill(3);
  Delete("anna", {{1, 2}});
  const MailboxStatus before = Status("anna");
  EXPECT_THAT(Undelete({1, 3}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_THAT(Undelete({1, 99}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_THAT(Undelete({}).status(), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(Undelete({1, 1}).status(), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_EQ(Status("anna").highest_modseq, before.highest_modseq);
  EXPECT_THAT(ExpungedUids(), ElementsAre(1, 2));
}

TEST_F(UndeleteTest, WhatIsPastTheGracePeriodIsGone) {
  Fill(2);
  Delete("anna", {{1, 1}});
  clock_.Advance(kGrace - absl::Seconds(1));
  Delete("anna", {{2, 2}});
  EXPECT_THAT(ExpungedUids(), ElementsAre(1, 2));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(ExpungedUids(), ElementsAre(2)) << "also before it was reclaimed";
  EXPECT_THAT(Undelete({1}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_EQ(Reclaim(), 1u);
  EXPECT_THAT(Undelete({1}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
  EXPECT_THAT(Undelete({2}).status(), IsOk());
  clock_.Advance(2 * kGrace);
  EXPECT_EQ(Reclaim(), 0u) << "it is alive";
  EXPECT_EQ(*Read(Session("anna"), 3), Body(2));
  ExpectClean();
}

TEST_F(UndeleteTest, WithoutAGracePeriodNothingComesBack) {
  options_.expunged_grace = absl::ZeroDuration();
  Crash();
  Fill(1);
  Delete("anna", {{1, 1}});
  EXPECT_THAT(Expunged(), IsEmpty());
  EXPECT_THAT(Undelete({1}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
}

TEST_F(UndeleteTest, TheListIsPagedAlsoWithinOneDeletion) {
  Fill(7);
  Delete("anna", {{1, 4}});
  Delete("anna", {{6, 7}});
  EXPECT_THAT(ExpungedUids(1), ElementsAre(1, 2, 3, 4, 6, 7));
  EXPECT_THAT(ExpungedUids(4), ElementsAre(1, 2, 3, 4, 6, 7));
  const auto later =
      SyncWait(store().mailboxes().ListExpunged("anna", "", Expunged()[0].row.modseq, 0, 0));
  EXPECT_EQ(later->messages.size(), 2u) << "of the second deletion";
  EXPECT_EQ(later->messages[0].expunged, clock_.Now());
}

TEST_F(UndeleteTest, TheQuotaHolds) {
  CreateAccount("bert", 2 * Body(1).size());
  Deliver("bert", Body(1));
  Delete("bert", {{1, 1}});
  Deliver("bert", Body(2));
  Deliver("bert", Body(3));
  EXPECT_THAT(SyncWait(store().mailboxes().Undelete("bert", "", {1})).status(),
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
  Delete("bert", {{2, 2}});
  EXPECT_THAT(SyncWait(store().mailboxes().Undelete("bert", "", {1})).status(), IsOk());
  EXPECT_THAT(SyncWait(store().mailboxes().Undelete("bert", "", {2})).status(),
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
  ExpectClean();
}

TEST_F(UndeleteTest, AFollowerOfChangesSeesTheOldUidVanishAndTheNewOneCome) {
  Fill(2);
  const uint64_t before = Status("anna").highest_modseq;
  Delete("anna", {{1, 1}});
  const uint64_t between = Status("anna").highest_modseq;
  Undelete({1}).IgnoreError();
  auto changes = SyncWait(store().mailboxes().ListChanges("anna", "", {before, 0}, 0));
  ASSERT_THAT(changes.status(), IsOk());
  EXPECT_THAT(changes->vanished, ElementsAre(1));
  ASSERT_EQ(changes->changed.size(), 1u);
  EXPECT_EQ(changes->changed[0].uid, 3u);
  changes = SyncWait(store().mailboxes().ListChanges("anna", "", {between, 0}, 0));
  EXPECT_THAT(changes->vanished, IsEmpty());
  EXPECT_EQ(changes->changed.size(), 1u);
}

TEST_F(UndeleteTest, ASessionKeepsTheListThatItHas) {
  Fill(2);
  Delete("anna", {{1, 1}});
  const OpenedMaildrop session = Session("anna");
  ASSERT_THAT(Undelete({1}).status(), IsOk());
  EXPECT_THAT(Uids(session), ElementsAre(2));
  Close(session);
  EXPECT_THAT(Uids(Session("anna")), ElementsAre(2, 3));
}

TEST_F(UndeleteTest, ASharedBodyOutlivesWhoeverGivesItUp) {
  CreateAccount("bert");
  DeliverTo({"anna", "bert"}, Body(1));
  Delete("anna", {{1, 1}});
  Delete("bert", {{1, 1}});
  clock_.Advance(kGrace / 2);
  ASSERT_THAT(Undelete({1}).status(), IsOk());
  clock_.Advance(kGrace);
  EXPECT_EQ(Reclaim(), 0u) << "anna has it";
  EXPECT_EQ(*Read(Session("anna"), 2), Body(1));
  ExpectClean();
}

TEST_F(UndeleteTest, AMessageWhoseBodyIsGoneAlreadyDoesNotComeBack) {
  Fill(1);
  Delete("anna", {{1, 1}});
  // As a crash in the middle of reclaiming leaves it, and a grace made longer after.
  clock_.Advance(kGrace);
  engine().FailNext(Call::kCommit, absl::UnavailableError("disk"));
  EXPECT_FALSE(SyncWait(store().Reclaim()).ok());
  // Durable with the next commit.
  ASSERT_THAT(Deliver("anna", Body(2)).status, IsOk());
  options_.expunged_grace = 10 * kGrace;
  Crash();
  EXPECT_THAT(ExpungedUids(), ElementsAre(1));
  EXPECT_THAT(Undelete({1}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
}

TEST_F(UndeleteTest, ACrashLeavesAllOrNone) {
  Fill(4);
  Delete("anna", {{1, 3}});
  for (const auto in_flight :
       {MemoryEngine::InFlight::kLost, MemoryEngine::InFlight::kDurable}) {
    engine().HoldCommits();
    Started<absl::StatusOr<std::vector<UndeletedMessage>>> undeletion(
        store().mailboxes().Undelete("anna", "", {1, 2, 3}));
    engine().AwaitHeldCommits(1);
    Crash(in_flight);
    EXPECT_FALSE(undeletion.Get().ok());
    if (in_flight == MemoryEngine::InFlight::kLost) {
      EXPECT_THAT(AllUids(), ElementsAre(4));
      EXPECT_THAT(ExpungedUids(), ElementsAre(1, 2, 3));
    } else {
      EXPECT_THAT(AllUids(), ElementsAre(4, 5, 6, 7));
      EXPECT_THAT(Undelete({1}).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MESSAGE));
    }
    EXPECT_EQ(Verify().errors, 0u);
  }
  clock_.Advance(2 * kGrace);
  Reclaim();
  ExpectClean();
}

TEST_F(UndeleteTest, WhateverFailsNothingIsLostOrThereTwice) {
  Fill(12);
  std::mt19937 random(7);
  std::set<std::string> uidls;
  for (const MessageRow& row : AllRows()) uidls.insert(row.uidl);
  uint32_t highest = 12;
  for (int step = 0; step < 300; ++step) {
    const Call calls[] = {Call::kCommit,   Call::kGet,          Call::kScan,
                          Call::kReadBody, Call::kAddReference, Call::kRemoveReference};
    if (random() % 3 == 0) {
      engine().FailNth(
          calls[random() % 6], 1 + random() % 3, absl::UnavailableError("disk"),
          random() % 2 == 0 ? MemoryEngine::Effect::kDone : MemoryEngine::Effect::kNothingDone);
    }
    if (random() % 2 == 0) {
      const auto session = Login("anna");
      if (session.ok() && !session->rows.empty()) {
        const uint32_t uid = session->rows[random() % session->rows.size()].uid;
        Commit(*session, {{uid, uid}}).IgnoreError();
      }
      if (session.ok()) Close(*session);
    } else {
      const auto page = SyncWait(store().mailboxes().ListExpunged("anna", "", 0, 0, 0));
      std::vector<uint32_t> uids;
      if (page.ok()) {
        for (const ExpungedMessage& message : page->messages) {
          if (random() % 2 == 0) uids.push_back(message.row.uid);
        }
      }
      if (!uids.empty()) Undelete(std::move(uids)).IgnoreError();
    }
    if (random() % 20 == 0) Crash();
    engine().StopFailing();
    std::multiset<std::string> now;
    for (const MessageRow& row : AllRows()) now.insert(row.uidl);
    for (const ExpungedMessage& message : Expunged()) now.insert(message.row.uidl);
    ASSERT_THAT(now, testing::ElementsAreArray(uidls)) << "step " << step;
    const MailboxStatus status = Status("anna");
    ASSERT_GE(status.uid_next, highest);
    highest = status.uid_next;
  }
  EXPECT_EQ(Verify().errors, 0u);
}

}  // namespace
}  // namespace restante::store
