// Deliveries: who gets what, what it costs, and what is left when it fails.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;

class DeliveryTest : public StoreTest {};

TEST_F(DeliveryTest, StoresTheMessageInNormalForm) {
  CreateAccount("anna");
  const RecipientResult result = Deliver("anna", "Subject: x\n\n.dot\rbare\nend");
  ASSERT_THAT(result.status, IsOk());
  EXPECT_EQ(result.uid, 1u);
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(*Read(session, 1), "Subject: x\r\n\r\n.dot\rbare\r\nend\r\n");
  ASSERT_EQ(session.rows.size(), 1u);
  EXPECT_EQ(session.rows[0].octets, 30u);
  EXPECT_TRUE(session.rows[0].has_dot_line);
  ExpectClean();
}

TEST_F(DeliveryTest, KeepsAnEmptyMessageEmpty) {
  CreateAccount("anna");
  ASSERT_THAT(Deliver("anna", "").status, IsOk());
  const OpenedMaildrop session = Session("anna");
  EXPECT_EQ(session.octets, 0u);
  EXPECT_EQ(*Read(session, 1), "");
  ExpectClean();
}

TEST_F(DeliveryTest, ASmallMessageCostsOneCommitOneChunkAndOneReference) {
  CreateAccount("anna");
  ASSERT_THAT(Deliver("anna", "warm the caches\r\n").status, IsOk());
  const size_t commits = engine().calls(Call::kCommit);
  const size_t chunks = engine().calls(Call::kPutChunk);
  const size_t references = engine().calls(Call::kAddReference);
  const size_t reads = engine().calls(Call::kGet) + engine().calls(Call::kScan);
  ASSERT_THAT(Deliver("anna", MessageOf(4000)).status, IsOk());
  EXPECT_EQ(engine().calls(Call::kCommit), commits + 1);
  EXPECT_EQ(engine().calls(Call::kPutChunk), chunks + 1);
  EXPECT_EQ(engine().calls(Call::kAddReference), references + 1);
  EXPECT_EQ(engine().calls(Call::kGet) + engine().calls(Call::kScan), reads);
}

TEST_F(DeliveryTest, RecipientsAreSubmittedTogetherAndWaitForOneFsync) {
  std::vector<std::string> recipients;
  for (int i = 0; i < 50; ++i) {
    recipients.push_back(absl::StrCat("user", i));
    CreateAccount(recipients.back());
  }
  const size_t chunks = engine().calls(Call::kPutChunk);
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> delivery(DeliverTask(MessageOf(4000), recipients));
  EXPECT_EQ(engine().held_commits(), 50u);
  EXPECT_EQ(engine().calls(Call::kPutChunk), chunks + 1) << "one body for all";
  engine().ReleaseCommits();
  for (const RecipientResult& result : delivery.Get()) EXPECT_THAT(result.status, IsOk());
  EXPECT_EQ(BodyCount(), 1u);
  ExpectClean();
}

TEST_F(DeliveryTest, DeliveriesToOneMailboxDoNotWaitForOneAnother) {
  CreateAccount("anna");
  ASSERT_THAT(Deliver("anna", "first\r\n").status, IsOk());
  engine().HoldCommits();
  std::vector<Started<std::vector<RecipientResult>>> deliveries;
  for (int i = 0; i < 20; ++i) deliveries.emplace_back(DeliverTask(MessageOf(100), {"anna"}));
  EXPECT_EQ(engine().held_commits(), 20u);
  engine().ReleaseCommits();
  uint32_t uid = 2;
  for (auto& delivery : deliveries) EXPECT_EQ(delivery.Get().at(0).uid, uid++);
  ExpectClean();
}

TEST_F(DeliveryTest, EachRecipientHasAnAnswerOfItsOwn) {
  CreateAccount("anna");
  CreateAccount("full", 10);
  CreateAccount("bert");
  const std::vector<RecipientResult> results =
      DeliverTo({"anna", "nobody", "full", "bert"}, MessageOf(500));
  EXPECT_THAT(results[0].status, IsOk());
  EXPECT_THAT(results[1].status, HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
  EXPECT_THAT(results[2].status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(results[3].status, IsOk());
  EXPECT_EQ(results[0].guid, results[3].guid);
  EXPECT_NE(results[0].mailbox, results[3].mailbox);
  ExpectClean();
}

TEST_F(DeliveryTest, TwoRecipientsWithOneMailboxGetTwoMessagesWithTheirOwnUidls) {
  CreateAccount("anna");
  const std::vector<RecipientResult> results =
      DeliverTo({"anna+a", "anna", "anna+b"}, MessageOf(200));
  for (const RecipientResult& result : results) ASSERT_THAT(result.status, IsOk());
  const OpenedMaildrop session = Session("anna");
  ASSERT_EQ(session.rows.size(), 3u);
  EXPECT_NE(session.rows[0].uidl, session.rows[1].uidl);
  EXPECT_NE(session.rows[0].uidl, session.rows[2].uidl);
  EXPECT_NE(session.rows[1].uidl, session.rows[2].uidl);
  EXPECT_EQ(*Read(session, 1), *Read(session, 3));
  EXPECT_EQ(BodyCount(), 1u);
  ExpectClean();
}

TEST_F(DeliveryTest, ADisabledAccountStillGetsMail) {
  CreateAccount("anna");
  AccountChange change;
  change.disabled = true;
  ASSERT_THAT(SyncWait(store().accounts().Update("anna", change)).status(), IsOk());
  EXPECT_THAT(Deliver("anna", "hello\r\n").status, IsOk());
}

TEST_F(DeliveryTest, ALargeMessageComesBackByteForByte) {
  CreateAccount("anna");
  const size_t chunk = engine::Engine::kChunkOctets;
  uint32_t uid = 0;
  for (const size_t octets : {chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 7}) {
    std::string message = "Subject: x\r\n\r\n";
    message.resize(octets - 2, 'x');
    message += "\r\n";
    ASSERT_THAT(Deliver("anna", message).status, IsOk());
    const OpenedMaildrop session = Session("anna");
    EXPECT_EQ(*Read(session, ++uid), message) << octets << " octets";
    Close(session);
  }
  ExpectClean();
}

TEST_F(DeliveryTest, AMessageMayComeInPiecesOfAnySize) {
  CreateAccount("anna");
  std::string message = MessageOf(200'000);
  Envelope envelope;
  envelope.recipients = {"anna"};
  auto delivery = *SyncWait(store().deliveries().Begin(envelope));
  for (size_t at = 0, size = 1; at < message.size(); at += size, size = size * 3 % 9973 + 1) {
    ASSERT_THAT(SyncWait(delivery->Append(message.substr(at, size))), IsOk());
  }
  EXPECT_THAT(SyncWait(delivery->Finish()).at(0).status, IsOk());
  delivery.reset();
  EXPECT_EQ(*Read(Session("anna"), 1), message);
}

TEST_F(DeliveryTest, WhatIsDroppedHalfwayLeavesNothing) {
  CreateAccount("anna");
  Envelope envelope;
  envelope.recipients = {"anna"};
  auto delivery = *SyncWait(store().deliveries().Begin(envelope));
  ASSERT_THAT(SyncWait(delivery->Append(MessageOf(300'000))), IsOk());
  EXPECT_EQ(BodyCount(), 1u);
  delivery.reset();
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
}

TEST_F(DeliveryTest, WhatACrashCutsShortIsCollectedAtTheNextStart) {
  CreateAccount("anna");
  Envelope envelope;
  envelope.recipients = {"anna"};
  auto delivery = *SyncWait(store().deliveries().Begin(envelope));
  ASSERT_THAT(SyncWait(delivery->Append(MessageOf(300'000))), IsOk());
  // Some other commit makes the chunks durable.
  CreateAccount("bert");
  std::unique_ptr<MemoryEngine> after = engine().Crash();
  delivery.reset();
  OpenOn(std::move(after));
  EXPECT_EQ(BodyCount(), 1u);
  EXPECT_EQ(Verify().notes, 1u) << "an orphan is told of, and is no error";
  EXPECT_EQ(Reclaim(), 1u);
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
}

TEST_F(DeliveryTest, AMessageThatIsTooLargeIsRefusedWhileItComes) {
  options_.max_message_octets = 100'000;
  CreateAccount("anna");
  Envelope envelope;
  envelope.recipients = {"anna"};
  auto delivery = *SyncWait(store().deliveries().Begin(envelope));
  EXPECT_THAT(SyncWait(delivery->Append(MessageOf(90'000))), IsOk());
  EXPECT_THAT(SyncWait(delivery->Append(std::string(10'000, 'x'))),
              HasReason(v1::ERROR_REASON_TOO_LARGE));
  EXPECT_THAT(SyncWait(delivery->Append("more")), HasReason(v1::ERROR_REASON_TOO_LARGE));
  EXPECT_THAT(SyncWait(delivery->Finish()).at(0).status, HasReason(v1::ERROR_REASON_TOO_LARGE));
  delivery.reset();
  EXPECT_EQ(BodyCount(), 0u);
}

TEST_F(DeliveryTest, AMessageDeclaredTooLargeIsRefusedBeforeItComes) {
  options_.max_message_octets = 1000;
  CreateAccount("anna");
  Envelope envelope;
  envelope.recipients = {"anna"};
  envelope.declared_octets = 1001;
  EXPECT_THAT(SyncWait(store().deliveries().Begin(envelope)).status(),
              HasReason(v1::ERROR_REASON_TOO_LARGE));
}

TEST_F(DeliveryTest, TheQuotaIsMetToTheOctet) {
  const std::string message = "Subject: x\r\n\r\n0123456789\r\n";
  CreateAccount("anna", 2 * message.size());
  EXPECT_THAT(Deliver("anna", message).status, IsOk());
  EXPECT_THAT(Deliver("anna", message).status, IsOk());
  EXPECT_THAT(Deliver("anna", "\r\n").status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(Deliver("anna", "").status, IsOk());
  Delete("anna", {{1, 1}});
  EXPECT_THAT(Deliver("anna", message).status, IsOk());
  ExpectClean();
}

TEST_F(DeliveryTest, TheQuotaCountsWhatIsUnderWay) {
  const std::string message = MessageOf(1000);
  CreateAccount("anna", 3 * message.size() + 10);
  engine().HoldCommits();
  std::vector<Started<std::vector<RecipientResult>>> deliveries;
  for (int i = 0; i < 10; ++i) deliveries.emplace_back(DeliverTask(message, {"anna"}));
  engine().ReleaseCommits();
  int taken = 0;
  for (auto& delivery : deliveries) taken += delivery.Get().at(0).status.ok() ? 1 : 0;
  EXPECT_EQ(taken, 3);
  EXPECT_EQ(Status("anna").octets, 3 * message.size());
  ExpectClean();
}

TEST_F(DeliveryTest, WhatWouldNotFitIsToldBeforehand) {
  CreateAccount("anna", 1000);
  CreateAccount("bert");
  const std::vector<RecipientCheck> checks =
      SyncWait(store().deliveries().CheckRecipients({"anna", "bert", "nobody", "@@"}, 1101));
  EXPECT_THAT(checks[0].status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(checks[1].status, IsOk());
  EXPECT_THAT(checks[2].status, HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
  EXPECT_THAT(checks[3].status, HasReason(v1::ERROR_REASON_BAD_ADDRESS));
}

TEST_F(DeliveryTest, AQuestionTellsWhereTheMailGoes) {
  CreateAccount("anna@example.org");
  AccountChange change;
  change.disabled = true;
  ASSERT_THAT(SyncWait(store().accounts().Update("anna@example.org", change)).status(), IsOk());
  const std::vector<RecipientCheck> checks = SyncWait(store().deliveries().CheckRecipients(
      {"anna+lists@example.org", "nobody@example.org"}, 0));
  EXPECT_THAT(checks[0].status, IsOk()) << "mail is taken all the same";
  ASSERT_EQ(checks[0].accounts.size(), 1u);
  EXPECT_EQ(checks[0].accounts[0].address, "anna@example.org");
  EXPECT_TRUE(checks[0].accounts[0].disabled);
  EXPECT_TRUE(checks[1].accounts.empty());
}

TEST_F(DeliveryTest, AnEnvelopeWithoutRecipientsOrWithTooManyIsRefused) {
  Envelope envelope;
  EXPECT_THAT(SyncWait(store().deliveries().Begin(envelope)).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  envelope.recipients.assign(1001, "anna");
  EXPECT_THAT(SyncWait(store().deliveries().Begin(envelope)).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
}

TEST_F(DeliveryTest, AFullStoreIsToldAndLeavesNothing) {
  CreateAccount("anna");
  engine().FailNext(Call::kPutChunk, MakeError(v1::ERROR_REASON_STORE_FULL, "no room"));
  EXPECT_THAT(Deliver("anna", MessageOf(100)).status, HasReason(v1::ERROR_REASON_STORE_FULL));
  engine().FailNext(Call::kPutChunk, MakeError(v1::ERROR_REASON_STORE_FULL, "no room"));
  EXPECT_THAT(Deliver("anna", MessageOf(200'000)).status,
              HasReason(v1::ERROR_REASON_STORE_FULL));
  engine().FailNext(Call::kCommit, MakeError(v1::ERROR_REASON_STORE_FULL, "no room"));
  EXPECT_THAT(Deliver("anna", MessageOf(100)).status, HasReason(v1::ERROR_REASON_STORE_FULL));
  EXPECT_EQ(BodyCount(), 0u);
  EXPECT_THAT(Deliver("anna", MessageOf(100)).status, IsOk());
  ExpectClean();
}

TEST_F(DeliveryTest, ABodyWhoseRowMayHaveBeenWrittenIsNotErased) {
  CreateAccount("anna");
  engine().FailNext(Call::kCommit, absl::UnavailableError("answer lost"),
                    MemoryEngine::Effect::kDone);
  EXPECT_THAT(Deliver("anna", MessageOf(100)).status,
              HasReason(v1::ERROR_REASON_STORE_FAILURE));
  EXPECT_EQ(Status("anna").message_count, 1u) << "it was written after all";
  Reclaim();
  ExpectClean();
  EXPECT_EQ(*Read(Session("anna"), 1), MessageOf(100));
}

TEST_F(DeliveryTest, ABodyWhoseRowTurnsOutNotToBeWrittenIsCollected) {
  CreateAccount("anna");
  engine().FailNext(Call::kCommit, absl::UnavailableError("disk"));
  EXPECT_FALSE(Deliver("anna", MessageOf(100)).status.ok());
  EXPECT_EQ(BodyCount(), 1u);
  EXPECT_EQ(Reclaim(), 1u);
  ExpectClean();
}

TEST_F(DeliveryTest, ABodyInDoubtIsCollectedAfterACrashToo) {
  CreateAccount("anna");
  engine().FailNext(Call::kCommit, absl::UnavailableError("disk"));
  EXPECT_FALSE(Deliver("anna", MessageOf(100)).status.ok());
  Crash();
  Reclaim();
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
}

TEST_F(DeliveryTest, OneFailedRecipientTakesNothingFromTheOthers) {
  CreateAccount("anna");
  CreateAccount("bert");
  engine().FailNext(Call::kCommit, MakeError(v1::ERROR_REASON_OVERLOADED, "too much"));
  const std::vector<RecipientResult> results = DeliverTo({"anna", "bert"}, MessageOf(100));
  EXPECT_THAT(results[0].status, HasReason(v1::ERROR_REASON_OVERLOADED));
  EXPECT_THAT(results[1].status, IsOk());
  ExpectClean();
  EXPECT_EQ(*Read(Session("bert"), 1), MessageOf(100));
}

TEST_F(DeliveryTest, ABodyIsNotReclaimedWhileRecipientsAreStillBeingWritten) {
  CreateAccount("anna");
  CreateAccount("bert");
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> delivery(DeliverTask(MessageOf(100), {"anna", "bert"}));
  engine().ReleaseCommits(1);
  // Anna's copy comes and goes while Bert's is on its way.
  const OpenedMaildrop session = Session("anna");
  Started<absl::StatusOr<uint64_t>> commit(
      store().maildrops().Commit(session.session_token, {{1, 1}}, {}, true));
  // The order over mailboxes isn't the engine's to keep: let Anna's through.
  engine().ReleaseCommits(1);
  engine().ReleaseCommits(1);
  EXPECT_THAT(commit.Get().status(), IsOk());
  engine().ReleaseCommits();
  EXPECT_THAT(delivery.Get().at(1).status, IsOk());
  Reclaim();
  EXPECT_EQ(*Read(Session("bert"), 1), MessageOf(100));
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
