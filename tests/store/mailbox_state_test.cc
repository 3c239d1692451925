// Commits of one mailbox, pipelined: what shares an fsync, what fails together.
#include "storage-service/store/mailbox_state.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "storage-service/store/mailbox_table.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class MailboxStateTest : public ::testing::Test {
 protected:
  MailboxStateTest() {
    EXPECT_THAT(SyncWait(table_.Create(id_, Id128::Random(), 17)), IsOk());
    mailbox_ = *SyncWait(table_.Find(id_));
  }

  // Gives out the next UID.
  Started<CommitResult> Add() {
    return Started<CommitResult>(mailbox_->Commit([](Head& head, Change&) {
      ++head.uid_next;
      ++head.highest_modseq;
      ++head.message_count;
      return absl::OkStatus();
    }));
  }

  MemoryEngine engine_;
  MailboxTable table_{&engine_, 2};
  const MailboxId id_ = Id128::Random();
  std::shared_ptr<Mailbox> mailbox_;
};

TEST_F(MailboxStateTest, CommitsDoNotWaitForOneAnother) {
  engine_.HoldCommits();
  std::vector<Started<CommitResult>> adds;
  for (int i = 0; i < 10; ++i) adds.push_back(Add());
  EXPECT_EQ(engine_.held_commits(), 10u);
  engine_.ReleaseCommits();
  for (auto& add : adds) EXPECT_THAT(add.Get().status, IsOk());
  EXPECT_EQ(mailbox_->durable().uid_next, 11u);
}

TEST_F(MailboxStateTest, ReadersSeeOnlyWhatIsDurable) {
  engine_.HoldCommits();
  auto first = Add();
  auto second = Add();
  EXPECT_EQ(mailbox_->submitted().uid_next, 3u);
  EXPECT_EQ(mailbox_->durable().uid_next, 1u);
  engine_.ReleaseCommits(1);
  EXPECT_EQ(mailbox_->durable().uid_next, 2u);
  engine_.ReleaseCommits();
  EXPECT_EQ(mailbox_->durable().uid_next, 3u);
}

TEST_F(MailboxStateTest, WhatWasBuiltOnAFailedCommitFailsAndTheHeadIsReadAgain) {
  engine_.HoldCommits();
  auto durable = Add();
  engine_.FailNext(MemoryEngine::Call::kCommit, absl::UnavailableError("disk"));
  auto failing = Add();
  auto behind = Add();
  auto further = Add();
  engine_.ReleaseCommits();
  EXPECT_THAT(durable.Get().status, IsOk());
  EXPECT_TRUE(failing.Get().outcome_unknown);
  const CommitResult second = behind.Get();
  EXPECT_THAT(second.status, HasReason(v1::ERROR_REASON_STORE_FAILURE));
  EXPECT_FALSE(second.outcome_unknown);
  EXPECT_FALSE(further.Get().status.ok());

  EXPECT_THAT(Add().Get().status, IsOk());
  EXPECT_EQ(mailbox_->durable().uid_next, 3u) << "the failed UIDs were never seen";
}

TEST_F(MailboxStateTest, WhatComesDuringAFailureWaitsAndThenSucceeds) {
  engine_.FailNext(MemoryEngine::Call::kCommit, absl::UnavailableError("disk"));
  engine_.HoldCommits();
  auto first = Add();
  auto second = Add();
  engine_.ReleaseCommits(1);
  EXPECT_FALSE(first.Get().status.ok());
  EXPECT_FALSE(second.done()) << "built on the first, and still under way";
  auto third = Add();
  EXPECT_EQ(engine_.held_commits(), 1u) << "the head isn't known before the second is complete";
  engine_.ReleaseCommits();
  EXPECT_FALSE(second.Get().status.ok());
  EXPECT_THAT(third.Get().status, IsOk());
}

TEST_F(MailboxStateTest, AWriteWhoseAnswerWasLostIsFoundByReadingAgain) {
  engine_.FailNext(MemoryEngine::Call::kCommit, absl::UnavailableError("answer lost"),
                   MemoryEngine::Effect::kDone);
  EXPECT_TRUE(Add().Get().outcome_unknown);
  EXPECT_THAT(Add().Get().status, IsOk());
  EXPECT_EQ(mailbox_->durable().uid_next, 3u);
}

TEST_F(MailboxStateTest, AFullStoreLeavesTheMailboxAsItWas) {
  engine_.FailNext(MemoryEngine::Call::kCommit,
                   MakeError(v1::ERROR_REASON_STORE_FULL, "no room"));
  const CommitResult full = Add().Get();
  EXPECT_THAT(full.status, HasReason(v1::ERROR_REASON_STORE_FULL));
  EXPECT_FALSE(full.outcome_unknown);
  EXPECT_THAT(Add().Get().status, IsOk());
  EXPECT_EQ(mailbox_->durable().uid_next, 2u);
}

TEST_F(MailboxStateTest, APlanThatRefusesCommitsNothing) {
  const size_t before = engine_.calls(MemoryEngine::Call::kCommit);
  Started<CommitResult> refused(mailbox_->Commit([](Head& head, Change&) {
    ++head.uid_next;
    return MakeError(v1::ERROR_REASON_OVER_QUOTA, "no");
  }));
  EXPECT_THAT(refused.Get().status, HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_EQ(engine_.calls(MemoryEngine::Call::kCommit), before);
  EXPECT_EQ(mailbox_->submitted().uid_next, 1u);
}

TEST_F(MailboxStateTest, AFailedReadIsTriedAgainByTheNextWhoAsks) {
  MailboxTable cold(&engine_, 2);
  engine_.FailNext(MemoryEngine::Call::kGet, absl::UnavailableError("disk"));
  EXPECT_FALSE(SyncWait(cold.Find(id_)).ok());
  EXPECT_THAT(SyncWait(cold.Find(id_)).status(), IsOk());
}

TEST_F(MailboxStateTest, AMailboxThatWasNeverMadeIsNotThere) {
  EXPECT_THAT(SyncWait(table_.Find(Id128::Random())).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
}

TEST_F(MailboxStateTest, MakingAMailboxAgainChangesNothing) {
  const AccountId owner = Id128::Random();
  const MailboxId id = Id128::Random();
  EXPECT_THAT(SyncWait(table_.Create(id, owner, 5)), IsOk());
  EXPECT_THAT(SyncWait(table_.Create(id, owner, 6)), IsOk());
  EXPECT_EQ(SyncWait(table_.Status(id))->uidvalidity, 5u);
  EXPECT_FALSE(SyncWait(table_.Create(id, Id128::Random(), 7)).ok());
}

TEST_F(MailboxStateTest, MailboxesInUseAreNotEvicted) {
  std::vector<std::shared_ptr<Mailbox>> used;
  for (int i = 0; i < 5; ++i) {
    const MailboxId id = Id128::Random();
    ASSERT_THAT(SyncWait(table_.Create(id, Id128::Random(), 1)), IsOk());
    used.push_back(*SyncWait(table_.Find(id)));
  }
  for (const auto& mailbox : used) EXPECT_EQ(*SyncWait(table_.Find(mailbox->id())), mailbox);
  used.clear();
  for (int i = 0; i < 5; ++i) {
    const MailboxId id = Id128::Random();
    ASSERT_THAT(SyncWait(table_.Create(id, Id128::Random(), 1)), IsOk());
    ASSERT_THAT(SyncWait(table_.Find(id)).status(), IsOk());
  }
  EXPECT_LE(table_.cached(), 3u) << "two, and the one of this test";
}

TEST_F(MailboxStateTest, AnErasedMailboxIsGoneForWhoeverHoldsIt) {
  EXPECT_THAT(SyncWait(table_.Erase(id_)), IsOk());
  EXPECT_THAT(Add().Get().status, HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_TRUE(mailbox_->erased());
  EXPECT_THAT(SyncWait(table_.Find(id_)).status(), HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(SyncWait(table_.Erase(id_)), IsOk()) << "once more is no error";
}

TEST_F(MailboxStateTest, APinKeepsExpungedRows) {
  Add().Get();
  Mailbox::View view = mailbox_->OpenView();
  const uint64_t pinned = view.head.highest_modseq;
  Add().Get();
  EXPECT_EQ(mailbox_->ReclaimableModseq(), pinned);
  view.pin = ModseqPin();
  EXPECT_EQ(mailbox_->ReclaimableModseq(), pinned + 1);
}

}  // namespace
}  // namespace restante::store
