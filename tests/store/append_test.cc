// Appending messages to any mailbox: all or none, in one change.
#include "storage-service/store/append.h"

#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using testing::ElementsAre;
using testing::SizeIs;

class AppendTest : public StoreTest {
 protected:
  AppendTest() {
    options_.max_message_octets = 1'000'000;
    CreateAccount("anna");
    SyncWait(store().mailboxes().Create("anna", "Drafts", {})).IgnoreError();
  }
  std::unique_ptr<Appending> Begin(const std::string& mailbox = "Drafts") {
    auto appending = SyncWait(store().mailboxes().Append("anna", mailbox));
    EXPECT_THAT(appending.status(), IsOk());
    return *std::move(appending);
  }
  absl::Status Add(Appending& appending, const std::string& message,
                   MessageProperties properties = {}, bool utf8 = false) {
    absl::Status status = SyncWait(appending.Begin(std::move(properties), utf8, 0));
    for (size_t at = 0; status.ok() && at < message.size(); at += 50'000) {
      status = SyncWait(appending.Add(message.substr(at, 50'000)));
    }
    return status.ok() ? SyncWait(appending.End()) : status;
  }
  std::vector<MessageRow> In(const std::string& mailbox) {
    return SyncWait(store().mailboxes().ListMessages("anna", mailbox, 0, 4096))->rows;
  }
};

TEST_F(AppendTest, KeepsFlagsAndDateAndTellsTheUids) {
  const auto appending = Begin();
  MessageProperties properties;
  properties.flags = {"\\Draft", "\\seen", "$MDNSent"};
  properties.internal_date = absl::FromUnixSeconds(1'000'000'000);
  ASSERT_THAT(Add(*appending, "Subject: 1\n\n.a", properties), IsOk());
  ASSERT_THAT(Add(*appending, MessageOf(200'000)), IsOk());
  ASSERT_THAT(Add(*appending, ""), IsOk());
  EXPECT_THAT(In("Drafts"), SizeIs(0)) << "nothing before the end";
  const auto answer = SyncWait(appending->Finish());
  ASSERT_THAT(answer.status(), IsOk());
  const MailboxStatus status = Status("anna", "Drafts");
  EXPECT_EQ(answer->uidvalidity, status.uidvalidity);
  EXPECT_EQ(answer->highest_modseq, status.highest_modseq);
  EXPECT_EQ(status.highest_modseq, 2u) << "one change";
  EXPECT_EQ(status.unseen_count, 2u);
  const std::vector<MessageRow> rows = In("Drafts");
  ASSERT_THAT(rows, SizeIs(3));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(answer->messages[i].uid, rows[i].uid);
    EXPECT_EQ(answer->messages[i].guid, rows[i].guid);
    EXPECT_EQ(answer->messages[i].uidl, rows[i].uidl);
  }
  EXPECT_THAT(rows[0].flags, ElementsAre("\\Seen", "\\Draft", "$MDNSent"));
  EXPECT_EQ(rows[0].internal_date, absl::FromUnixSeconds(1'000'000'000));
  EXPECT_EQ(rows[0].octets, 18u) << "in normal form";
  EXPECT_TRUE(rows[0].has_dot_line);
  EXPECT_EQ(rows[1].internal_date, clock_.Now());
  EXPECT_EQ(rows[2].octets, 0u);
  ExpectClean();
}

TEST_F(AppendTest, ToTheInboxIsSeenByPop3) {
  const auto appending = Begin("");
  ASSERT_THAT(Add(*appending, "Subject: \xC3\xA4\r\n\r\n", {}, true), IsOk());
  ASSERT_THAT(SyncWait(appending->Finish()).status(), IsOk());
  const OpenedMaildrop session = Session("anna");
  ASSERT_THAT(session.rows, SizeIs(1));
  EXPECT_EQ(*Read(session, 1), "Subject: =?UTF-8?B?w6Q=?=\r\n\r\n") << "the surrogate";
  ExpectClean();
}

TEST_F(AppendTest, ThatIsBrokenOffLeavesNothing) {
  {
    const auto appending = Begin();
    ASSERT_THAT(Add(*appending, MessageOf(200'000)), IsOk());
    ASSERT_THAT(SyncWait(appending->Begin({}, false, 0)), IsOk());
    ASSERT_THAT(SyncWait(appending->Add(MessageOf(200'000))), IsOk());
    EXPECT_THAT(SyncWait(appending->Finish()).status(),
                HasReason(v1::ERROR_REASON_INVALID_REQUEST))
        << "the last has no end";
  }
  EXPECT_THAT(In("Drafts"), SizeIs(0));
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
  {
    const auto appending = Begin();
    ASSERT_THAT(Add(*appending, MessageOf(200'000)), IsOk());
    // Before it is over, so that the appending outlives its store's engine: that is
    // what a crash leaves.
    engine().FailAll(Call::kEraseBody, absl::UnavailableError("the power is gone"));
    engine().FailAll(Call::kCommit, absl::UnavailableError("the power is gone"));
  }
  Crash();
  Reclaim();
  EXPECT_EQ(BodyCount(), 0u) << "its body was on the list of those under way";
  ExpectClean();
}

TEST_F(AppendTest, RefusesWhatDoesNotFit) {
  const auto appending = Begin();
  EXPECT_THAT(SyncWait(appending->Begin({}, false, 1'000'001)),
              HasReason(v1::ERROR_REASON_TOO_LARGE));
  EXPECT_THAT(Add(*appending, MessageOf(1'000'100)), HasReason(v1::ERROR_REASON_TOO_LARGE));
  MessageProperties properties;
  properties.flags = {"\\Recent"};
  EXPECT_THAT(Add(*Begin(), "x", properties), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  properties = {};
  properties.internal_date = absl::InfiniteFuture();
  EXPECT_THAT(Add(*Begin(), "x", properties), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(SyncWait(Begin()->Finish()).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(SyncWait(Begin()->Add("x")), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(SyncWait(store().mailboxes().Append("anna", "None")).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
}

TEST_F(AppendTest, ManySmallMessagesStayWithinBoundedMemory) {
  const auto appending = Begin();
  for (int i = 0; i < 100; ++i) ASSERT_THAT(Add(*appending, MessageOf(60'000)), IsOk());
  EXPECT_GT(engine().calls(Call::kPutChunk), 20u) << "some were sent ahead";
  ASSERT_THAT(SyncWait(appending->Finish()).status(), IsOk());
  EXPECT_THAT(In("Drafts"), SizeIs(100));
  ExpectClean();
}

TEST_F(AppendTest, ALostAnswerLeavesAllOrNothing) {
  for (const auto effect : {MemoryEngine::Effect::kDone, MemoryEngine::Effect::kNothingDone}) {
    Open();
    CreateAccount("anna");
    SyncWait(store().mailboxes().Create("anna", "Drafts", {})).IgnoreError();
    auto appending = Begin();
    ASSERT_THAT(Add(*appending, "1\r\n"), IsOk());
    ASSERT_THAT(Add(*appending, "2\r\n"), IsOk());
    engine().FailNext(Call::kCommit, absl::UnavailableError("as the test wants"), effect);
    EXPECT_THAT(SyncWait(appending->Finish()).status(),
                HasReason(v1::ERROR_REASON_STORE_FAILURE));
    appending.reset();
    const bool done = effect == MemoryEngine::Effect::kDone;
    EXPECT_THAT(In("Drafts"), SizeIs(done ? 2 : 0));
    Crash();
    Reclaim();
    EXPECT_EQ(BodyCount(), done ? 2u : 0u);
    ExpectClean();
  }
}

TEST_F(AppendTest, ADeletedMailboxTakesNothing) {
  const auto appending = Begin();
  ASSERT_THAT(Add(*appending, MessageOf(100'000)), IsOk());
  ASSERT_THAT(SyncWait(store().mailboxes().Delete("anna", "Drafts")), IsOk());
  EXPECT_THAT(SyncWait(appending->Finish()).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  Reclaim();
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
