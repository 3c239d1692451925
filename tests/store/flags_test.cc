// Flags and keywords: what a change does to the messages, to the MODSEQ and to the
// counters of the mailbox, and what it leaves alone.
#include "storage-service/store/flags.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "storage-service/store/mailbox_rows.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using Mode = FlagChange::Mode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FlagsTest : public StoreTest {
 protected:
  void Fill(int count) {
    CreateAccount("anna");
    for (int i = 0; i < count; ++i) ASSERT_THAT(Deliver("anna", "x\r\n").status, IsOk());
  }
  absl::StatusOr<FlagsAnswer> Store(std::vector<UidRange> uids, Mode mode,
                                    std::vector<std::string> flags,
                                    std::optional<uint64_t> unchanged_since = std::nullopt,
                                    uint32_t limit = 0) {
    return SyncWait(store().mailboxes().StoreFlags(
        "anna", "", std::move(uids), {mode, std::move(flags), unchanged_since}, limit));
  }
  std::vector<std::string> FlagsOf(uint32_t uid) {
    auto page =
        SyncWait(store().mailboxes().QueryMessages("anna", "", {{{uid, uid}}, 0, 0, 0}));
    EXPECT_THAT(page.status(), IsOk());
    EXPECT_EQ(page->rows.size(), 1u);
    return page->rows.empty() ? std::vector<std::string>() : page->rows[0].flags;
  }
};

TEST_F(FlagsTest, AreAddedRemovedAndReplaced) {
  Fill(1);
  ASSERT_THAT(Store({{1, 1}}, Mode::kAdd, {"\\Seen", "$Label1"}).status(), IsOk());
  EXPECT_THAT(FlagsOf(1), ElementsAre("\\Seen", "$Label1"));
  ASSERT_THAT(Store({{1, 1}}, Mode::kAdd, {"\\flagged", "work"}).status(), IsOk());
  EXPECT_THAT(FlagsOf(1), ElementsAre("\\Seen", "\\Flagged", "$Label1", "work"));
  ASSERT_THAT(Store({{1, 1}}, Mode::kRemove, {"\\Seen", "$LABEL1", "never-there"}).status(),
              IsOk());
  EXPECT_THAT(FlagsOf(1), ElementsAre("\\Flagged", "work"));
  ASSERT_THAT(Store({{1, 1}}, Mode::kReplace, {"\\Draft"}).status(), IsOk());
  EXPECT_THAT(FlagsOf(1), ElementsAre("\\Draft"));
  ASSERT_THAT(Store({{1, 1}}, Mode::kReplace, {}).status(), IsOk());
  EXPECT_THAT(FlagsOf(1), IsEmpty());
  ExpectClean();
}

TEST_F(FlagsTest, ACallIsOneChangeWithOneHigherModseq) {
  Fill(3);
  const uint64_t before = Status("anna").highest_modseq;
  const auto answer = Store({{1, 1}, {3, 9}}, Mode::kAdd, {"\\Seen"});
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_EQ(answer->highest_modseq, before + 1);
  ASSERT_EQ(answer->messages.size(), 2u);
  EXPECT_EQ(answer->messages[0].uid, 1u);
  EXPECT_EQ(answer->messages[1].uid, 3u);
  for (const FlaggedMessage& message : answer->messages) {
    EXPECT_EQ(message.modseq, before + 1);
    EXPECT_THAT(message.flags, ElementsAre("\\Seen"));
  }
  EXPECT_EQ(answer->next_uid, 0u);
  EXPECT_EQ(Status("anna").highest_modseq, before + 1);
}

TEST_F(FlagsTest, WhatChangesNothingKeepsItsModseq) {
  Fill(2);
  Store({{1, 1}}, Mode::kAdd, {"\\Seen", "Work"}).IgnoreError();
  const uint64_t before = Status("anna").highest_modseq;
  auto answer = Store({{1, 1}}, Mode::kAdd, {"\\seen", "WORK"});
  EXPECT_EQ(answer->messages.at(0).modseq, before);
  EXPECT_EQ(Status("anna").highest_modseq, before);
  EXPECT_THAT(FlagsOf(1), ElementsAre("\\Seen", "Work")) << "as it was written first";

  answer = Store({{1, 2}}, Mode::kAdd, {"\\Seen"});
  EXPECT_EQ(answer->messages.at(0).modseq, before);
  EXPECT_EQ(answer->messages.at(1).modseq, before + 1);
  ExpectClean();
}

TEST_F(FlagsTest, UnchangedSinceLeavesAloneWhatHasChanged) {
  Fill(3);
  const uint64_t seen = Status("anna").highest_modseq;
  Store({{2, 2}}, Mode::kAdd, {"\\Answered"}).IgnoreError();
  const auto answer = Store({{1, 3}}, Mode::kAdd, {"\\Deleted"}, seen);
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_THAT(answer->modified, ElementsAre(2));
  EXPECT_EQ(answer->messages.size(), 2u);
  EXPECT_THAT(FlagsOf(2), ElementsAre("\\Answered"));
  EXPECT_THAT(FlagsOf(3), ElementsAre("\\Deleted"));
  EXPECT_EQ(Status("anna").deleted_count, 2u);
}

TEST_F(FlagsTest, MoreThanTheLimitGoesOnWhereTheAnswerSays) {
  Fill(5);
  Delete("anna", {{2, 2}});
  auto answer = Store({{1, UINT32_MAX}}, Mode::kAdd, {"\\Seen"}, std::nullopt, 2);
  EXPECT_EQ(answer->messages.size(), 2u);
  EXPECT_EQ(answer->messages.back().uid, 3u);
  ASSERT_EQ(answer->next_uid, 4u);
  answer = Store({{4, UINT32_MAX}}, Mode::kAdd, {"\\Seen"}, std::nullopt, 2);
  EXPECT_EQ(answer->messages.size(), 2u);
  EXPECT_EQ(answer->next_uid, 0u);
  EXPECT_EQ(Status("anna").unseen_count, 0u);
}

TEST_F(FlagsTest, WhatCanNotBeKeptIsNamedAndChangesNothing) {
  Fill(2);
  const uint64_t before = Status("anna").highest_modseq;
  for (const std::string flag : {"\\Recent", "\\Nonsense", "two words", "", "w\xC3\xB6rk"}) {
    const auto answer = Store({{1, 1}}, Mode::kAdd, {"\\Seen", flag});
    EXPECT_THAT(answer.status(), HasReason(v1::ERROR_REASON_INVALID_REQUEST)) << flag;
  }
  EXPECT_THAT(Store({{1, 1}}, Mode::kAdd, {std::string(65, 'k')}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(Store({}, Mode::kAdd, {"\\Seen"}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(Store({{2, 1}}, Mode::kAdd, {"\\Seen"}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(Store({{0, 1}}, Mode::kAdd, {"\\Seen"}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_EQ(Status("anna").highest_modseq, before);
  EXPECT_THAT(FlagsOf(1), IsEmpty());
}

TEST_F(FlagsTest, AMessageHasAtMost64Keywords) {
  Fill(2);
  std::vector<std::string> keywords;
  for (int i = 0; i < 64; ++i) keywords.push_back(absl::StrCat("k", i));
  ASSERT_THAT(Store({{2, 2}}, Mode::kAdd, keywords).status(), IsOk());
  const auto answer = Store({{1, 2}}, Mode::kAdd, {"one-more"});
  EXPECT_THAT(answer.status(), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("UID 2"));
  EXPECT_THAT(FlagsOf(1), IsEmpty()) << "all or none";
  EXPECT_EQ(FlagsOf(2).size(), 64u);
}

TEST_F(FlagsTest, CountersFollowEveryChange) {
  Fill(4);
  EXPECT_EQ(Status("anna").unseen_count, 4u);
  EXPECT_EQ(Status("anna").recent_count, 4u);
  EXPECT_EQ(Status("anna").deleted_count, 0u);
  Store({{1, 2}}, Mode::kAdd, {"\\Seen"}).IgnoreError();
  Store({{2, 3}}, Mode::kAdd, {"\\Deleted"}).IgnoreError();
  MailboxStatus status = Status("anna");
  EXPECT_EQ(status.unseen_count, 2u);
  EXPECT_EQ(status.deleted_count, 2u);
  EXPECT_EQ(status.message_count, 4u);
  Delete("anna", {{2, 2}});
  status = Status("anna");
  EXPECT_EQ(status.unseen_count, 2u);
  EXPECT_EQ(status.deleted_count, 1u);
  EXPECT_EQ(status.recent_count, 3u);
  Crash();
  status = Status("anna");
  EXPECT_EQ(status.unseen_count, 2u);
  EXPECT_EQ(status.deleted_count, 1u);
  EXPECT_EQ(status.recent_count, 3u);
  ExpectClean();
}

TEST_F(FlagsTest, RecentMessagesAreClaimedOnce) {
  Fill(2);
  auto recent = SyncWait(store().mailboxes().ClaimRecent("anna", ""));
  ASSERT_THAT(recent.status(), IsOk());
  EXPECT_EQ(recent->first_uid, 1u);
  EXPECT_EQ(recent->end_uid, 3u);
  EXPECT_EQ(Status("anna").recent_count, 0u);
  Deliver("anna", "y\r\n");
  Deliver("anna", "z\r\n");
  Delete("anna", {{1, 1}, {4, 4}});
  EXPECT_EQ(Status("anna").recent_count, 1u);
  recent = SyncWait(store().mailboxes().ClaimRecent("anna", ""));
  EXPECT_EQ(recent->first_uid, 3u);
  EXPECT_EQ(recent->end_uid, 5u);
  recent = SyncWait(store().mailboxes().ClaimRecent("anna", ""));
  EXPECT_EQ(recent->first_uid, recent->end_uid) << "none";
  ExpectClean();
}

TEST_F(FlagsTest, ALostAnswerLeavesTheWholeChangeOrNothingOfIt) {
  for (const auto effect : {MemoryEngine::Effect::kDone, MemoryEngine::Effect::kNothingDone}) {
    Open();
    Fill(3);
    engine().FailNext(Call::kCommit, absl::UnavailableError("as the test wants"), effect);
    EXPECT_THAT(Store({{1, 3}}, Mode::kAdd, {"\\Seen"}).status(),
                HasReason(v1::ERROR_REASON_STORE_FAILURE));
    const bool done = effect == MemoryEngine::Effect::kDone;
    EXPECT_EQ(Status("anna").unseen_count, done ? 0u : 3u);
    for (uint32_t uid = 1; uid <= 3; ++uid) EXPECT_EQ(FlagsOf(uid).empty(), !done);
    ExpectClean();
  }
}

TEST_F(FlagsTest, APop3SessionSeesNothingOfThem) {
  Fill(3);
  const OpenedMaildrop session = Session("anna");
  Store({{1, 3}}, Mode::kAdd, {"\\Deleted", "\\Seen"}).IgnoreError();
  EXPECT_THAT(Uids(session), ElementsAre(1, 2, 3));
  EXPECT_EQ(*Commit(session, {{2, 2}}), 1u);
  EXPECT_EQ(Session("anna").message_count, 2u);
  ExpectClean();
}

// A head as a release has written it that knew no counters of flags.
class UncountedMailboxTest : public FlagsTest {
 protected:
  void SetUp() override {
    Fill(5);
    Store({{1, 2}}, Mode::kAdd, {"\\Seen"}).IgnoreError();
    Store({{2, 3}}, Mode::kAdd, {"\\Deleted"}).IgnoreError();
    Delete("anna", {{5, 5}});
    Reclaim();
    mailbox_ = Status("anna").id;
    ASSERT_THAT(SyncWait(Age(&engine(), mailbox_)), IsOk());
    Crash();
  }
  static Task<absl::Status> Age(MemoryEngine* engine, MailboxId mailbox) {
    absl::StatusOr<std::optional<Head>> read = co_await ReadHead(engine, mailbox);
    Head head = **read;
    head.unseen_count = head.deleted_count = head.recent_count = head.tombstone_count = 0;
    head.counted = false;
    using Version = absl::StatusOr<engine::Version>;
    Version version = co_await Await<Version>([&](Done<Version> done) {
      engine->GetVersion(MailboxShard(mailbox), std::move(done));
    });
    engine::CommitRequest request;
    request.shard = MailboxShard(mailbox);
    request.expected = *version;
    request.puts.emplace_back(HeadKey(), Encode(head));
    Version written = co_await Await<Version>(
        [&](Done<Version> done) { engine->Commit(std::move(request), std::move(done)); });
    co_return written.status();
  }

  MailboxId mailbox_;
};

TEST_F(UncountedMailboxTest, IsCountedByTheFirstStatus) {
  const MailboxStatus status = Status("anna");
  EXPECT_EQ(status.message_count, 4u);
  EXPECT_EQ(status.unseen_count, 2u);
  EXPECT_EQ(status.deleted_count, 2u);
  EXPECT_EQ(status.recent_count, 4u);
  EXPECT_TRUE((*SyncWait(ReadHead(&engine(), mailbox_)))->counted);
  ExpectClean();
}

TEST_F(UncountedMailboxTest, IsCountedRightAfterChangesThatNobodyCounted) {
  Deliver("anna", "y\r\n");
  Store({{3, 4}}, Mode::kAdd, {"\\Seen"}).IgnoreError();
  Delete("anna", {{1, 2}});
  Crash();
  ExpectClean();  // not counted yet, so nothing can be wrong
  const MailboxStatus status = Status("anna");
  EXPECT_EQ(status.message_count, 3u);
  EXPECT_EQ(status.unseen_count, 1u);
  EXPECT_EQ(status.deleted_count, 1u);
  EXPECT_EQ(status.recent_count, 3u);
  ExpectClean();
}

TEST_F(UncountedMailboxTest, IsCountedWhileMailComesIn) {
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> delivery(DeliverTask("y\r\n", {"anna"}));
  engine().AwaitHeldCommits(1);
  Started<absl::StatusOr<MailboxStatus>> status(store().mailboxes().Get("anna", ""));
  engine().AwaitHeldCommits(2);
  engine().ReleaseCommits();
  EXPECT_THAT(delivery.Get().at(0).status, IsOk());
  EXPECT_EQ(status.Get()->unseen_count, 3u);
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
