// Making, changing and deleting accounts, alone and at the same time.
#include <optional>

#include "absl/strings/str_cat.h"
#include "tests/accounts/directory_fixture.h"

namespace restante::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DirectoryChanges : public DirectoryTest {
 protected:
  // Starts a task and keeps its result.
  template <typename T>
  static std::shared_ptr<std::optional<T>> Begin(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    Spawn<T>(std::move(task), [result](T value) { *result = std::move(value); });
    return result;
  }
};

TEST_F(DirectoryChanges, CreateAnswersWithTheNewAccount) {
  const auto created =
      SyncWait(directory_->Create({"New@Example.org", Password{"secret"}, 5000}));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->address, "New@Example.org");
  EXPECT_EQ(created->quota_octets, 5000u);
  EXPECT_EQ(created->created, clock_.Now());
  EXPECT_TRUE(Login("new@example.org", "secret").ok());
}

TEST_F(DirectoryChanges, CreateMakesAnEmptyInbox) {
  ASSERT_TRUE(Create("user@example.org").ok());
  const auto entry = Find("user@example.org");
  ASSERT_TRUE(entry.ok());
  const auto status = SyncWait(mailboxes_->Status((*entry)->inbox));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->message_count, 0u);
  EXPECT_EQ(status->uidvalidity, (*entry)->inbox_uidvalidity);
}

TEST_F(DirectoryChanges, CreateTakesAFinishedHashAsItIs) {
  const std::string hash = "$1$47eYPYqp$cqwU68ZiE5ljqlllj2jh01";
  ASSERT_TRUE(SyncWait(directory_->Create({"user", CryptHash{hash}, 0})).ok());
  EXPECT_EQ((*Find("user"))->password_hash, hash);
}

TEST_F(DirectoryChanges, CreateRefusesAnAddressThatIsTakenInAnyWriting) {
  ASSERT_TRUE(Create("user@bücher.example").ok());
  EXPECT_EQ(ReasonOf(Create("USER@xn--bcher-kva.example").status()),
            v1::ERROR_REASON_ACCOUNT_EXISTS);
  EXPECT_THAT(AllAddresses(), ElementsAre("user@bücher.example"));
}

TEST_F(DirectoryChanges, CreateRefusesWhatCanBeNoAccountAndLeavesNothing) {
  EXPECT_EQ(ReasonOf(Create("us er").status()), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_EQ(ReasonOf(Create("user", "").status()), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_EQ(ReasonOf(Create("user", std::string("a\0b", 3)).status()),
            v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->Create({"user", CryptHash{"*"}, 0})).status()),
            v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_EQ(AccountShards(), 0u);
  EXPECT_EQ(MailboxShards(), 0u);
}

TEST_F(DirectoryChanges, OfTwoCreationsOfOneAddressAtATimeOneIsRefused) {
  engine_->HoldCommits();
  const CryptHash hash{"$1$47eYPYqp$cqwU68ZiE5ljqlllj2jh01"};
  const auto first = Begin(directory_->Create({"user@example.org", hash, 0}));
  engine_->AwaitHeldCommits(1);
  const auto second = Begin(directory_->Create({"USER@example.org", hash, 0}));
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ(ReasonOf((*second)->status()), v1::ERROR_REASON_ACCOUNT_EXISTS);
  engine_->ReleaseCommits();
  ASSERT_TRUE(first->has_value());
  EXPECT_TRUE((*first)->ok());
  EXPECT_EQ(AccountShards(), 1u);
}

TEST_F(DirectoryChanges, UpdateChangesOnlyWhatItNames) {
  ASSERT_TRUE(SyncWait(directory_->Create({"user", Password{"secret"}, 1000})).ok());
  auto info = Update("user", {.disabled = true});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(info->disabled);
  EXPECT_EQ(info->quota_octets, 1000u);

  info = Update("USER", {.quota_octets = 2000});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(info->disabled);
  EXPECT_EQ(info->quota_octets, 2000u);
  EXPECT_EQ((*Find("user"))->quota.octets, 2000u);
}

TEST_F(DirectoryChanges, EachChangeMakesANewGeneration) {
  ASSERT_TRUE(Create("user").ok());
  EXPECT_EQ((*Find("user"))->generation, 1u);
  ASSERT_TRUE(Update("user", {.disabled = true}).ok());
  EXPECT_EQ((*Find("user"))->generation, 2u);
  ASSERT_TRUE(SyncWait(directory_->SetPassword("user", Password{"new"})).ok());
  EXPECT_EQ((*Find("user"))->generation, 3u);
  ASSERT_TRUE(Update("user", {}).ok());
  EXPECT_EQ((*Find("user"))->generation, 3u);
}

TEST_F(DirectoryChanges, ChangesOutliveARestart) {
  ASSERT_TRUE(Create("user").ok());
  ASSERT_TRUE(Update("user", {.disabled = true, .quota_octets = 7}).ok());
  ASSERT_TRUE(SyncWait(directory_->SetPassword("user", Password{"new"})).ok());
  Restart();
  const auto entry = Find("user");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_TRUE((*entry)->disabled);
  EXPECT_EQ((*entry)->quota.octets, 7u);
  EXPECT_EQ((*entry)->password_hash, "hash of new");
}

TEST_F(DirectoryChanges, TwoChangesAtATimeBothHappen) {
  ASSERT_TRUE(Create("user").ok());
  engine_->HoldCommits();
  const auto disabling = Begin(directory_->Update("user", {.disabled = true}));
  const auto quota = Begin(directory_->Update("user", {.quota_octets = 9}));
  EXPECT_EQ(engine_->held_commits(), 2u);
  engine_->ReleaseCommits();
  ASSERT_TRUE(disabling->has_value() && (*disabling)->ok());
  ASSERT_TRUE(quota->has_value() && (*quota)->ok());
  const auto entry = Find("user");
  EXPECT_TRUE((*entry)->disabled);
  EXPECT_EQ((*entry)->quota.octets, 9u);
  EXPECT_EQ((*entry)->generation, 3u);
}

TEST_F(DirectoryChanges, AChangeThatFailsIsReportedAndIsNotInTheCache) {
  ASSERT_TRUE(Create("user").ok());
  const absl::Status broken = MakeError(v1::ERROR_REASON_STORE_FAILURE, "broken");
  engine_->FailNext(Call::kCommit, broken, engine::MemoryEngine::Effect::kDone);
  EXPECT_EQ(Update("user", {.disabled = true}).status(), broken);
  EXPECT_TRUE((*Find("user"))->disabled) << "it was written, only its answer was lost";
}

TEST_F(DirectoryChanges, ChangesOfNobodyAreRefused) {
  EXPECT_EQ(ReasonOf(Update("nobody", {.disabled = true}).status()),
            v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->SetPassword("nobody", Password{"x"}))),
            v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->Delete("nobody"))), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
}

TEST_F(DirectoryChanges, DeleteLeavesNothing) {
  const auto created = Create("user@example.org");
  ASSERT_TRUE(created.ok() && Find("user@example.org").ok());
  ASSERT_EQ(SyncWait(directory_->Delete("USER@example.org")), absl::OkStatus());
  EXPECT_EQ(ReasonOf(Find("user@example.org").status()), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->FindById(created->id)).status()),
            v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(LoginReason("user@example.org", "secret"), v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_EQ(AccountShards(), 0u);
  EXPECT_EQ(MailboxShards(), 0u);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(DirectoryChanges, ADeletedAddressCanBeTakenByANewAccount) {
  const auto before = Create("user@example.org");
  ASSERT_TRUE(before.ok());
  const auto old_inbox = (*Find("user@example.org"))->inbox;
  ASSERT_TRUE(SyncWait(directory_->Delete("user@example.org")).ok());
  clock_.Advance(absl::Seconds(1));
  const auto after = Create("user@example.org", "other");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE(after->id, before->id);
  EXPECT_NE((*Find("user@example.org"))->inbox, old_inbox);
  EXPECT_EQ(LoginReason("user@example.org", "secret"), v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_TRUE(Login("user@example.org", "other").ok());
}

TEST_F(DirectoryChanges, AnAddressMadeAgainInTheSameSecondHasAnotherUidvalidity) {
  uint32_t last = 0;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Create("user").status(), absl::OkStatus());
    const uint32_t uidvalidity = (*Find("user"))->inbox_uidvalidity;
    EXPECT_GT(uidvalidity, last);
    last = uidvalidity;
    ASSERT_EQ(SyncWait(directory_->Delete("User")), absl::OkStatus());
  }
}

TEST_F(DirectoryChanges, AnAccountUnderDeletionIsGoneForItsIdToo) {
  const auto created = Create("user");
  ASSERT_TRUE(created.ok());
  engine_->HoldCommits();
  const auto deletion = Begin(directory_->Delete("user"));
  engine_->ReleaseCommits(1);  // the address
  EXPECT_FALSE(deletion->has_value());
  EXPECT_EQ(AccountShards(), 1u);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->FindById(created->id)).status()),
            v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(Find("user").status()), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  engine_->ReleaseCommits();
  ASSERT_TRUE(deletion->has_value());
  EXPECT_EQ(**deletion, absl::OkStatus());
}

TEST_F(DirectoryChanges, ADeletionWhoseMailCannotBeRemovedSaysSoAndIsFinishedAtTheNextStart) {
  ASSERT_TRUE(Create("user").ok());
  // The first commit removes the address, the next one belongs to the mailbox.
  engine_->FailNth(Call::kCommit, 2, MakeError(v1::ERROR_REASON_STORE_FAILURE, "broken"));
  const absl::Status deleted = SyncWait(directory_->Delete("user"));
  EXPECT_EQ(ReasonOf(deleted), v1::ERROR_REASON_STORE_FAILURE);
  EXPECT_THAT(std::string(deleted.message()), HasSubstr("is deleted"));
  EXPECT_EQ(ReasonOf(Find("user").status()), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_THAT(Errors(), IsEmpty());
  Restart();
  EXPECT_EQ(AccountShards(), 0u);
  EXPECT_EQ(MailboxShards(), 0u);
  EXPECT_THAT(Findings(), IsEmpty());
}

}  // namespace
}  // namespace restante::store
