// Copying and moving messages between mailboxes: what a copy is, which UIDs are told, and
// that no failure or crash loses a message or gives it twice for good.
#include "storage-service/store/copy.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class CopyTest : public StoreTest {
 protected:
  void Fill(int count) {
    CreateAccount("anna");
    ASSERT_THAT(SyncWait(store().mailboxes().Create("anna", "Keep", {})).status(), IsOk());
    for (int i = 1; i <= count; ++i) {
      ASSERT_THAT(Deliver("anna", absl::StrCat("Subject: ", i, "\r\n\r\n")).status, IsOk());
    }
  }
  absl::StatusOr<CopyAnswer> Copy(std::vector<UidRange> uids, const std::string& to = "Keep",
                                  const std::string& from = "") {
    return SyncWait(store().mailboxes().Copy("anna", from, std::move(uids), to));
  }
  absl::StatusOr<CopyAnswer> Move(std::vector<UidRange> uids, const std::string& to = "Keep",
                                  uint32_t limit = 0, const std::string& from = "") {
    return SyncWait(store().mailboxes().Move("anna", from, std::move(uids), to, limit));
  }
  std::vector<MessageRow> In(const std::string& mailbox) {
    auto page = SyncWait(store().mailboxes().ListMessages("anna", mailbox, 0, 4096));
    EXPECT_THAT(page.status(), IsOk());
    return page.ok() ? page->rows : std::vector<MessageRow>();
  }
  static std::vector<uint32_t> UidsIn(const std::vector<MessageRow>& rows) {
    std::vector<uint32_t> uids;
    for (const MessageRow& row : rows) uids.push_back(row.uid);
    return uids;
  }
  static std::vector<std::pair<uint32_t, uint32_t>> Pairs(const CopyAnswer& answer) {
    std::vector<std::pair<uint32_t, uint32_t>> pairs;
    for (const CopiedMessage& message : answer.messages) {
      pairs.emplace_back(message.uid, message.new_uid);
    }
    return pairs;
  }
  std::string Fetch(const std::string& mailbox, uint32_t uid) {
    auto reader =
        SyncWait(store().messages().Fetch("anna", mailbox, {ReadPart{uid, WholePart{}}}));
    EXPECT_THAT(reader.status(), IsOk());
    auto pieces = SyncWait((*reader)->Next());
    EXPECT_THAT(pieces.status(), IsOk());
    return pieces->empty() ? "" : pieces->front().data;
  }
};

TEST_F(CopyTest, ACopyIsAMessageOfItsOwnWithTheSameBody) {
  Fill(3);
  SyncWait(store().mailboxes().StoreFlags("anna", "", {{2, 2}},
                                          {FlagChange::Mode::kAdd, {"\\Seen", "$Work"}, {}}, 0))
      .IgnoreError();
  clock_.Advance(absl::Hours(1));
  const auto answer = Copy({{2, 9}});
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_EQ(answer->uidvalidity, Status("anna", "Keep").uidvalidity);
  EXPECT_EQ(answer->highest_modseq, Status("anna", "Keep").highest_modseq);
  EXPECT_THAT(Pairs(*answer), ElementsAre(std::pair(2u, 1u), std::pair(3u, 2u)));
  const MessageRow original = In("")[1];
  const MessageRow copy = In("Keep")[0];
  EXPECT_EQ(copy.guid, original.guid);
  EXPECT_EQ(copy.flags, original.flags);
  EXPECT_EQ(copy.internal_date, original.internal_date);
  EXPECT_EQ(copy.save_date, clock_.Now());
  EXPECT_NE(copy.uidl, original.uidl);
  EXPECT_EQ(Status("anna", "Keep").unseen_count, 1u);
  EXPECT_EQ(BodyCount(), 3u) << "no octet is stored twice";
  SyncWait(store().mailboxes().Expunge("anna", "", {{1, 9}}, false, 0)).IgnoreError();
  EXPECT_EQ(Reclaim(), 1u) << "what has a copy stays";
  EXPECT_EQ(Fetch("Keep", 1), "Subject: 2\r\n\r\n");
  ExpectClean();
}

TEST_F(CopyTest, ACopyInTheSameMailboxHasAnotherUidl) {
  Fill(1);
  EXPECT_THAT(Pairs(*Copy({{1, 1}}, "inbox")), ElementsAre(std::pair(1u, 2u)));
  const OpenedMaildrop session = Session("anna");
  ASSERT_THAT(session.rows, SizeIs(2));
  EXPECT_NE(session.rows[0].uidl, session.rows[1].uidl);
  EXPECT_EQ(*Read(session, 2), "Subject: 1\r\n\r\n");
  Close(session);
  Delete("anna", {{1, 1}});
  Reclaim();
  EXPECT_EQ(Fetch("", 2), "Subject: 1\r\n\r\n");
  ExpectClean();
}

TEST_F(CopyTest, AnUnknownTargetIsToldApart) {
  Fill(1);
  const auto answer = Copy({{1, 1}}, "Nowhere");
  EXPECT_THAT(answer.status(), HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(std::string(answer.status().message()), testing::HasSubstr("Nowhere"));
  EXPECT_THAT(Move({{1, 1}}, "Nowhere").status(), HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(Copy({{5, 6}})->messages, IsEmpty());
  EXPECT_THAT(Move({{5, 6}})->messages, IsEmpty());
}

TEST_F(CopyTest, ALostAnswerLeavesAllCopiesOrNone) {
  for (const auto effect : {MemoryEngine::Effect::kDone, MemoryEngine::Effect::kNothingDone}) {
    Open();
    Fill(3);
    engine().FailNext(Call::kCommit, absl::UnavailableError("as the test wants"), effect);
    EXPECT_THAT(Copy({{1, 3}}).status(), HasReason(v1::ERROR_REASON_STORE_FAILURE));
    EXPECT_THAT(In("Keep"), SizeIs(effect == MemoryEngine::Effect::kDone ? 3 : 0));
    Delete("anna", {{1, 3}});
    Reclaim();
    EXPECT_EQ(BodyCount(), effect == MemoryEngine::Effect::kDone ? 3u : 0u);
    ExpectClean();
  }
}

TEST_F(CopyTest, AMoveLeavesNothingBehind) {
  Fill(4);
  const uint64_t before = Status("anna").highest_modseq;
  const auto answer = Move({{2, 3}});
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_THAT(Pairs(*answer), ElementsAre(std::pair(2u, 1u), std::pair(3u, 2u)));
  EXPECT_EQ(answer->highest_modseq, before + 1);
  EXPECT_THAT(UidsIn(In("")), ElementsAre(1, 4));
  EXPECT_EQ(Fetch("Keep", 2), "Subject: 3\r\n\r\n");
  Reclaim();
  EXPECT_EQ(BodyCount(), 4u);
  // And back, and once more, while POP3 looks on.
  const OpenedMaildrop session = Session("anna");
  EXPECT_THAT(Pairs(*Move({{1, 2}}, "INBOX", 0, "Keep")),
              ElementsAre(std::pair(1u, 5u), std::pair(2u, 6u)));
  EXPECT_THAT(Uids(session), ElementsAre(1, 4)) << "its numbers stay";
  Close(session);
  EXPECT_THAT(Pairs(*Move({{5, 6}})), ElementsAre(std::pair(5u, 3u), std::pair(6u, 4u)));
  EXPECT_THAT(UidsIn(In("Keep")), ElementsAre(3, 4));
  Reclaim();
  ExpectClean();
}

TEST_F(CopyTest, AMoveWithinAMailboxGivesNewUids) {
  Fill(2);
  EXPECT_THAT(Pairs(*Move({{1, 2}}, "INBOX")),
              ElementsAre(std::pair(1u, 3u), std::pair(2u, 4u)));
  EXPECT_THAT(UidsIn(In("")), ElementsAre(3, 4));
  Reclaim();
  EXPECT_EQ(Fetch("", 3), "Subject: 1\r\n\r\n");
  ExpectClean();
}

TEST_F(CopyTest, AMoveGoesOnWhereTheLimitWas) {
  Fill(5);
  auto answer = Move({{1, 9}}, "Keep", 2);
  EXPECT_THAT(answer->messages, SizeIs(2));
  ASSERT_EQ(answer->next_uid, 3u);
  answer = Move({{3, 9}}, "Keep", 3);
  EXPECT_THAT(answer->messages, SizeIs(3));
  EXPECT_EQ(answer->next_uid, 0u);
  EXPECT_THAT(In("Keep"), SizeIs(5));
}

class BrokenMoveTest : public CopyTest, public testing::WithParamInterface<size_t> {};

// Whichever commit of a move fails, done or not: nothing is lost, and moving again makes
// it right without a second copy.
TEST_P(BrokenMoveTest, LosesNothingAndCopiesNothingTwice) {
  for (const auto effect : {MemoryEngine::Effect::kDone, MemoryEngine::Effect::kNothingDone}) {
    Open();
    Fill(3);
    engine().FailNth(Call::kCommit, GetParam(), absl::UnavailableError("as the test wants"),
                     effect);
    const auto first = Move({{1, 2}});
    engine().StopFailing();
    EXPECT_THAT(first.status(), HasReason(v1::ERROR_REASON_STORE_FAILURE));
    Crash();
    Reclaim();
    std::vector<Guid> all;
    for (const std::string mailbox : {"", "Keep"}) {
      for (const MessageRow& row : In(mailbox)) all.push_back(row.guid);
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    EXPECT_THAT(all, SizeIs(3)) << "nothing is lost";

    const auto again = Move({{1, 2}});
    ASSERT_THAT(again.status(), IsOk());
    const std::vector<MessageRow> kept = In("Keep");
    ASSERT_THAT(kept, SizeIs(2)) << "nothing is there twice";
    EXPECT_THAT(UidsIn(In("")), ElementsAre(3));
    for (const CopiedMessage& message : again->messages) {
      EXPECT_TRUE(std::any_of(kept.begin(), kept.end(), [&](const MessageRow& row) {
        return row.uid == message.new_uid;
      })) << "the UIDs told are those they have";
    }
    Reclaim();
    ExpectClean();
  }
}

INSTANTIATE_TEST_SUITE_P(Commits, BrokenMoveTest, testing::Values(1, 2));

TEST_F(CopyTest, ACopyThatWasExpungedAfterAnUnfinishedMoveIsMadeAgain) {
  Fill(2);
  engine().FailNth(Call::kCommit, 2, absl::UnavailableError("as the test wants"));
  EXPECT_FALSE(Move({{1, 2}}).ok());
  engine().StopFailing();
  ASSERT_THAT(In("Keep"), SizeIs(2));
  // The user sees both and removes what looks like a duplicate.
  SyncWait(store().mailboxes().Expunge("anna", "Keep", {{1, 1}}, false, 0)).IgnoreError();
  EXPECT_THAT(Pairs(*Move({{1, 2}})), ElementsAre(std::pair(1u, 3u), std::pair(2u, 2u)));
  EXPECT_THAT(UidsIn(In("Keep")), ElementsAre(2, 3));
  EXPECT_EQ(Fetch("Keep", 3), "Subject: 1\r\n\r\n");
  EXPECT_THAT(In(""), IsEmpty());
  Reclaim();
  ExpectClean();
}

TEST_F(CopyTest, WhatAnUnfinishedMoveLeftBehindIsRememberedOverOthers) {
  Fill(3);
  engine().FailNth(Call::kCommit, 2, absl::UnavailableError("as the test wants"));
  EXPECT_FALSE(Move({{1, 2}}).ok());
  engine().StopFailing();
  EXPECT_THAT(Pairs(*Move({{2, 3}})), ElementsAre(std::pair(2u, 2u), std::pair(3u, 3u)));
  EXPECT_THAT(UidsIn(In("")), ElementsAre(1));
  EXPECT_THAT(Pairs(*Move({{1, 1}})), ElementsAre(std::pair(1u, 1u)));
  EXPECT_THAT(UidsIn(In("Keep")), ElementsAre(1, 2, 3));
  Reclaim();
  ExpectClean();
}

TEST_F(CopyTest, APop3DeletionThatMovesAndAnImapMoveMeetInOneMailbox) {
  Fill(4);
  Pop3Policy policy;
  policy.deletion = Pop3Policy::Deletion::kMove;
  policy.move_to = "Keep";
  SetPolicy("anna", policy);
  const OpenedMaildrop session = Session("anna");
  ASSERT_THAT(Move({{1, 2}}).status(), IsOk());
  EXPECT_EQ(*Read(session, 1), "Subject: 1\r\n\r\n");
  EXPECT_EQ(*Commit(session, {{2, 3}}), 1u) << "the other is there already";
  EXPECT_THAT(In("Keep"), SizeIs(3));
  EXPECT_THAT(UidsIn(In("")), ElementsAre(4));
  Reclaim();
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
