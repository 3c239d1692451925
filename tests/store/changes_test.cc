// What IMAP services read: status, rows, changes since a MODSEQ.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "storage-service/store/account_mailboxes.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChangesTest : public StoreTest {
 protected:
  Changes Since(uint64_t modseq) {
    auto changes = SyncWait(store().mailboxes().ListChanges("anna", "INBOX", {modseq, 0}, 0));
    EXPECT_THAT(changes.status(), IsOk());
    return changes.ok() ? *changes : Changes{};
  }
  static std::vector<uint32_t> UidsOf(const std::vector<MessageRow>& rows) {
    std::vector<uint32_t> uids;
    for (const MessageRow& row : rows) uids.push_back(row.uid);
    return uids;
  }
};

TEST_F(ChangesTest, AreWhatCameAndWhatWentSince) {
  CreateAccount("anna");
  Deliver("anna", "1\r\n");
  Deliver("anna", "2\r\n");
  const Changes first = Since(0);
  EXPECT_THAT(UidsOf(first.changed), ElementsAre(1, 2));
  EXPECT_THAT(first.vanished, IsEmpty());
  EXPECT_THAT(Since(first.highest_modseq).changed, IsEmpty());

  Deliver("anna", "3\r\n");
  Delete("anna", {{1, 1}});
  const Changes second = Since(first.highest_modseq);
  EXPECT_THAT(UidsOf(second.changed), ElementsAre(3));
  EXPECT_THAT(second.vanished, ElementsAre(1));
  EXPECT_GT(second.highest_modseq, first.highest_modseq);
}

TEST_F(ChangesTest, ForgetNoExpungeAfterItWasReclaimed) {
  CreateAccount("anna");
  Deliver("anna", "1\r\n");
  Deliver("anna", "2\r\n");
  Delete("anna", {{1, 2}});
  Reclaim();
  Crash();
  EXPECT_THAT(Since(3).vanished, ElementsAre(1, 2));
}

TEST_F(ChangesTest, LeaveOutWhatIsNotDurableYet) {
  CreateAccount("anna");
  Deliver("anna", "1\r\n");
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> delivery(DeliverTask("2\r\n", {"anna"}));
  const Changes before = Since(0);
  EXPECT_THAT(UidsOf(before.changed), ElementsAre(1));
  engine().ReleaseCommits();
  delivery.Get();
  EXPECT_THAT(UidsOf(Since(before.highest_modseq).changed), ElementsAre(2));
}

TEST_F(ChangesTest, RowsTellAllThatIsKnownOfAMessage) {
  CreateAccount("anna");
  const RecipientResult result = Deliver("anna", "Subject: x\r\n\r\n.body\r\n");
  const auto page = SyncWait(store().mailboxes().ListMessages("anna", "", 0, 0));
  ASSERT_THAT(page.status(), IsOk());
  ASSERT_EQ(page->rows.size(), 1u);
  EXPECT_TRUE(page->end);
  const MessageRow& row = page->rows[0];
  EXPECT_EQ(row.uid, 1u);
  EXPECT_EQ(row.guid, result.guid);
  EXPECT_EQ(row.octets, 21u);
  EXPECT_EQ(row.header_octets, 14u);
  EXPECT_EQ(row.internal_date, clock_.Now());
  EXPECT_EQ(row.save_date, clock_.Now());
  EXPECT_TRUE(row.has_dot_line);
  EXPECT_EQ(row.uidl.size(), 22u);
  EXPECT_THAT(row.flags, IsEmpty());
}

TEST_F(ChangesTest, RowsArePaged) {
  CreateAccount("anna");
  for (int i = 0; i < 7; ++i) Deliver("anna", "x\r\n");
  Delete("anna", {{1, 2}, {5, 5}});
  auto page = SyncWait(store().mailboxes().ListMessages("anna", "inBOX", 0, 3));
  EXPECT_THAT(UidsOf(page->rows), ElementsAre(3, 4, 6));
  EXPECT_FALSE(page->end);
  page = SyncWait(store().mailboxes().ListMessages("anna", "INBOX", 6, 3));
  EXPECT_THAT(UidsOf(page->rows), ElementsAre(7));
  EXPECT_TRUE(page->end);
}

TEST_F(ChangesTest, RowsAreFoundByUidRangesAndByWhatChanged) {
  CreateAccount("anna");
  for (int i = 0; i < 7; ++i) Deliver("anna", "x\r\n");
  Delete("anna", {{5, 5}});
  const auto query = [&](RowQuery wanted) {
    auto page = SyncWait(store().mailboxes().QueryMessages("anna", "", std::move(wanted)));
    EXPECT_THAT(page.status(), IsOk());
    return *page;
  };
  EXPECT_THAT(UidsOf(query({{{6, UINT32_MAX}, {1, 2}, {2, 3}}}).rows),
              ElementsAre(1, 2, 3, 6, 7));
  EXPECT_THAT(UidsOf(query({{{9, 12}}}).rows), IsEmpty());
  RowPage page = query({{{2, 7}}, 0, 0, 2});
  EXPECT_THAT(UidsOf(page.rows), ElementsAre(2, 3));
  EXPECT_FALSE(page.end);
  page = query({{{2, 7}}, 3, 0, 3});
  EXPECT_THAT(UidsOf(page.rows), ElementsAre(4, 6, 7));
  EXPECT_TRUE(page.end);
  EXPECT_EQ(page.highest_modseq, Status("anna").highest_modseq);

  const uint64_t before = Status("anna").highest_modseq;
  ASSERT_THAT(
      SyncWait(store().mailboxes().StoreFlags("anna", "", {{2, 2}, {6, 7}},
                                              {FlagChange::Mode::kAdd, {"\\Seen"}, {}}, 0))
          .status(),
      IsOk());
  EXPECT_THAT(UidsOf(query({{}, 0, before, 0}).rows), ElementsAre(2, 6, 7));
  page = query({{{1, 6}}, 0, before, 1});
  EXPECT_THAT(UidsOf(page.rows), ElementsAre(2));
  EXPECT_FALSE(page.end);
  EXPECT_THAT(UidsOf(query({{{1, 6}}, 2, before, 1}).rows), ElementsAre(6));
  EXPECT_THAT(SyncWait(store().mailboxes().QueryMessages("anna", "", {{{0, 1}}})).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
}

TEST_F(ChangesTest, ArePagedAndNothingIsMissedBetweenPages) {
  CreateAccount("anna");
  for (int i = 0; i < 9; ++i) Deliver("anna", "x\r\n");
  const ChangePlace start{Status("anna").highest_modseq, 0};
  Delete("anna", {{1, 3}});  // under one MODSEQ
  Reclaim();
  Delete("anna", {{8, 8}});
  const auto flag = [&](uint32_t uid) {
    return SyncWait(store().mailboxes().StoreFlags(
        "anna", "", {{uid, uid}}, {FlagChange::Mode::kAdd, {"\\Seen"}, {}}, 0));
  };
  ASSERT_THAT(flag(4).status(), IsOk());
  ASSERT_THAT(flag(5).status(), IsOk());
  for (const uint32_t limit : {1u, 2u, 3u, 4u, 100u}) {
    std::vector<uint32_t> changed, vanished;
    ChangePlace place = start;
    for (int pages = 0;; ++pages) {
      ASSERT_LT(pages, 10);
      const auto page =
          SyncWait(store().mailboxes().ListChanges("anna", "INBOX", place, limit));
      ASSERT_THAT(page.status(), IsOk());
      EXPECT_LE(page->changed.size() + page->vanished.size(), limit);
      for (const MessageRow& row : page->changed) changed.push_back(row.uid);
      vanished.insert(vanished.end(), page->vanished.begin(), page->vanished.end());
      place = page->next;
      if (page->end) break;
    }
    EXPECT_THAT(vanished, ElementsAre(1, 2, 3, 8)) << limit;
    EXPECT_THAT(changed, ElementsAre(4, 5)) << limit;
    EXPECT_EQ(place.modseq, Status("anna").highest_modseq);
  }
}

class ChangeLogTest : public ChangesTest {
 protected:
  ChangeLogTest() {
    options_.change_log_age = absl::Hours(10);
    options_.change_log_entries = 4;
    CreateAccount("anna");
    for (int i = 0; i < 9; ++i) Deliver("anna", "x\r\n");
  }
  absl::Status Ask(uint64_t modseq, uint32_t uid = 0) {
    return SyncWait(store().mailboxes().ListChanges("anna", "", {modseq, uid}, 0)).status();
  }
  size_t Entries() { return KeysOf(Status("anna").id, 't'); }
};

TEST_F(ChangeLogTest, LosesWhatIsTooOldAndSaysSo) {
  const uint64_t before = Status("anna").highest_modseq;
  Delete("anna", {{1, 2}});
  clock_.Advance(absl::Hours(6));
  Delete("anna", {{5, 5}});
  Reclaim();
  EXPECT_EQ(Entries(), 3u);
  EXPECT_THAT(Ask(before), IsOk());
  clock_.Advance(absl::Hours(4));
  Reclaim();
  EXPECT_EQ(Entries(), 1u);
  EXPECT_THAT(Ask(before), HasReason(v1::ERROR_REASON_CHANGES_TRIMMED));
  EXPECT_EQ(ErrorMetadataOf(Ask(0)).at("log_floor_modseq"), absl::StrCat(before + 1));
  // In the middle of the MODSEQ that is gone: UID 2 can no longer be told.
  EXPECT_THAT(Ask(before + 1, 1), HasReason(v1::ERROR_REASON_CHANGES_TRIMMED));
  EXPECT_THAT(Since(before + 1).vanished, ElementsAre(5));
  ExpectClean();
  clock_.Advance(absl::Hours(6));
  Crash();
  Reclaim();
  EXPECT_EQ(Entries(), 0u) << "also what the opening before has left";
  EXPECT_THAT(Ask(before + 1), HasReason(v1::ERROR_REASON_CHANGES_TRIMMED));
  EXPECT_THAT(Since(before + 2).changed, IsEmpty());
  ExpectClean();
}

TEST_F(ChangeLogTest, LosesTheOldestBeyondItsNumber) {
  const uint64_t before = Status("anna").highest_modseq;
  Delete("anna", {{1, 3}});
  Reclaim();
  EXPECT_THAT(Ask(before), IsOk());
  Delete("anna", {{4, 6}});
  Reclaim();
  EXPECT_EQ(Entries(), 4u);
  EXPECT_THAT(Ask(before), HasReason(v1::ERROR_REASON_CHANGES_TRIMMED));
  EXPECT_THAT(Since(before + 1).vanished, ElementsAre(4, 5, 6));
  ExpectClean();
  // What is left of a MODSEQ that was trimmed in part goes first.
  Delete("anna", {{7, 7}});
  Reclaim();
  EXPECT_EQ(Entries(), 4u);
  EXPECT_THAT(Since(before + 1).vanished, ElementsAre(4, 5, 6, 7));
  ExpectClean();
}

TEST_F(ChangeLogTest, KeepsWhatAPop3SessionHasInItsList) {
  const OpenedMaildrop session = Session("anna", 0, store().maildrops().BeginLease({}));
  SyncWait(store().mailboxes().Expunge("anna", "", {{1, 9}}, false, 0)).IgnoreError();
  clock_.Advance(absl::Hours(11));
  EXPECT_EQ(Reclaim(), 0u);
  EXPECT_EQ(Uids(session).size(), 9u);
  EXPECT_THAT(Read(session, 9).status(), IsOk());
}

TEST_F(ChangeLogTest, ASessionThatItNoLongerKnowsIsNotResumed) {
  const LeaseId lease = store().maildrops().BeginLease({});
  const OpenedMaildrop session = Session("anna", 0, lease);
  SyncWait(store().mailboxes().Expunge("anna", "", {{1, 9}}, false, 0)).IgnoreError();
  Crash();
  clock_.Advance(absl::Seconds(1));
  const uint64_t floor = Status("anna").highest_modseq;
  EXPECT_EQ(Reclaim(), 9u) << "nobody holds it any more";
  EXPECT_EQ(Entries(), 4u);
  EXPECT_THAT(Ask(floor - 1), HasReason(v1::ERROR_REASON_CHANGES_TRIMMED));
  const LeaseId again = store().maildrops().BeginLease({});
  EXPECT_THAT(SyncWait(store().maildrops().Resume(again, session.session_token)),
              HasReason(v1::ERROR_REASON_LEASE_LOST));
}

TEST_F(ChangeLogTest, AFailureLeavesItToTheNextPass) {
  const uint64_t before = Status("anna").highest_modseq;
  Delete("anna", {{1, 6}});
  engine().FailNth(MemoryEngine::Call::kCommit, 2, absl::UnavailableError("as the test wants"));
  EXPECT_FALSE(SyncWait(store().Reclaim()).ok());
  EXPECT_EQ(Entries(), 6u);
  EXPECT_THAT(Ask(before), IsOk());
  Reclaim();
  EXPECT_EQ(Entries(), 4u);
  ExpectClean();
}

TEST_F(ChangesTest, TheInboxIsTheOnlyMailbox) {
  CreateAccount("anna");
  Deliver("anna", "x\r\n");
  const auto list = SyncWait(store().mailboxes().List("anna"));
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ(list->at(0).name, "INBOX");
  EXPECT_EQ(list->at(0).message_count, 1u);
  EXPECT_THAT(SyncWait(store().mailboxes().Get("anna", "Sent")).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(SyncWait(store().mailboxes().List("nobody")).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
}

}  // namespace
}  // namespace restante::store
