// The power fails between any two writes of a creation, a deletion, a change: an
// address never leads nowhere, and what was begun is either done or as before.
#include "absl/strings/str_cat.h"
#include "tests/accounts/directory_fixture.h"

namespace restante::store {
namespace {

using engine::MemoryEngine;
using testing::IsEmpty;

// A finished hash: the directory then works on the calling thread alone.
constexpr char kMd5Hash[] = "$1$47eYPYqp$cqwU68ZiE5ljqlllj2jh01";

class DirectoryCrash : public DirectoryTest,
                       public testing::WithParamInterface<MemoryEngine::InFlight> {
 protected:
  // Begins a task and lets the first `commits` of its writes happen; then the
  // power fails. False once the task was complete before that.
  template <typename T>
  bool CrashAfter(size_t commits, Task<T> task) {
    engine_->HoldCommits();
    bool ended = false;
    Spawn<T>(std::move(task), [&ended](T) { ended = true; });
    for (size_t i = 0; i < commits && !ended; ++i) engine_->ReleaseCommits(1);
    const bool complete = ended;
    std::unique_ptr<MemoryEngine> after = engine_->Crash(GetParam());
    EXPECT_TRUE(ended);
    Open(std::move(after));
    return !complete;
  }
};

INSTANTIATE_TEST_SUITE_P(Writes, DirectoryCrash,
                         testing::Values(MemoryEngine::InFlight::kLost,
                                         MemoryEngine::InFlight::kDurable),
                         [](const auto& info) {
                           return info.param == MemoryEngine::InFlight::kLost ? "Lost"
                                                                              : "Durable";
                         });

TEST_P(DirectoryCrash, InACreationLeavesAWholeAccountOrNone) {
  for (size_t commits = 0;; ++commits) {
    SCOPED_TRACE(absl::StrCat("after ", commits, " commits"));
    Open(std::make_unique<MemoryEngine>());
    if (!CrashAfter(commits, directory_->Create({"user", CryptHash{kMd5Hash}, 0}))) {
      EXPECT_TRUE(Find("user").ok());
      EXPECT_GE(commits, 3u) << "a mailbox, a shard, an address";
      break;
    }
    EXPECT_THAT(Errors(), IsEmpty());
    if (Find("user").ok()) {
      EXPECT_EQ((*Find("user"))->password_hash, kMd5Hash);
    } else {
      EXPECT_TRUE(Create("user").ok());
      EXPECT_TRUE(Login("user", "secret").ok());
    }
    EXPECT_THAT(Errors(), IsEmpty());
  }
}

TEST_P(DirectoryCrash, InADeletionIsFinishedAtTheNextStart) {
  for (size_t commits = 0;; ++commits) {
    SCOPED_TRACE(absl::StrCat("after ", commits, " commits"));
    Open(std::make_unique<MemoryEngine>());
    ASSERT_TRUE(Create("user").ok());
    ASSERT_TRUE(Create("other").ok());
    const bool crashed = CrashAfter(commits, directory_->Delete("user"));
    if (Find("user").ok()) {
      EXPECT_EQ(commits, 0u);
      EXPECT_TRUE(Login("user", "secret").ok());
      EXPECT_EQ(AccountShards(), 2u);
    } else {
      EXPECT_EQ(AccountShards(), 1u);
      EXPECT_EQ(MailboxShards(), 1u);
    }
    EXPECT_THAT(Findings(), IsEmpty());
    EXPECT_TRUE(Login("other", "secret").ok());
    if (!crashed) break;
  }
}

TEST_P(DirectoryCrash, InAChangeLeavesTheOldOrTheNew) {
  ASSERT_TRUE(Create("user").ok());
  ASSERT_TRUE(CrashAfter(0, directory_->SetPassword("user", CryptHash{kMd5Hash})));
  const bool durable = GetParam() == MemoryEngine::InFlight::kDurable;
  EXPECT_EQ((*Find("user"))->password_hash, durable ? kMd5Hash : "hash of secret");
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_P(DirectoryCrash, InAnImportLeavesOnlyWholeAccounts) {
  for (size_t commits = 0; commits < 200; commits += 7) {
    SCOPED_TRACE(absl::StrCat("after ", commits, " commits"));
    Open(std::make_unique<MemoryEngine>());
    std::vector<NewAccount> accounts;
    for (int i = 0; i < 30; ++i)
      accounts.push_back({absl::StrCat("user", i), CryptHash{kMd5Hash}, 0});
    CrashAfter(commits, directory_->Import(accounts));
    EXPECT_THAT(Errors(), IsEmpty());
    for (const std::string& address : AllAddresses()) EXPECT_TRUE(Find(address).ok());
  }
}

TEST_F(DirectoryTest, ACreationThatTheStoreRefusesLeavesNothing) {
  for (size_t nth = 1; nth <= 3; ++nth) {
    SCOPED_TRACE(absl::StrCat("commit ", nth));
    engine_->FailNth(Call::kCommit, nth, MakeError(v1::ERROR_REASON_STORE_FULL, "full"));
    EXPECT_EQ(ReasonOf(Create("user").status()), v1::ERROR_REASON_STORE_FULL);
    EXPECT_EQ(AccountShards(), 0u);
    EXPECT_EQ(MailboxShards(), 0u);
  }
  EXPECT_TRUE(Create("user").ok());
}

TEST_F(DirectoryTest, ACreationWhoseAnswerIsLostIsNotUndone) {
  engine_->FailNth(Call::kCommit, 3, MakeError(v1::ERROR_REASON_STORE_FAILURE, "broken"),
                   MemoryEngine::Effect::kDone);
  EXPECT_EQ(ReasonOf(Create("user").status()), v1::ERROR_REASON_STORE_FAILURE);
  EXPECT_TRUE(Login("user", "secret").ok());
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(DirectoryTest, VerifyNotesTheOrphanOfACreationCutShort) {
  engine_->FailNth(Call::kCommit, 3, MakeError(v1::ERROR_REASON_STORE_FAILURE, "broken"));
  EXPECT_EQ(ReasonOf(Create("user").status()), v1::ERROR_REASON_STORE_FAILURE);
  const std::vector<VerifyFinding> findings = Findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_FALSE(findings[0].is_error);
  EXPECT_THAT(findings[0].message, testing::HasSubstr("orphan"));
}

TEST_F(DirectoryTest, VerifyFindsAnAddressThatLeadsNowhere) {
  const auto created = Create("user");
  ASSERT_TRUE(created.ok());
  engine::CommitRequest erase{{engine::ShardId::Kind::kAccount, created->id}, 1};
  erase.erase_shard = true;
  absl::StatusOr<engine::Version> erased;
  engine_->Commit(erase, [&](absl::StatusOr<engine::Version> version) { erased = version; });
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_THAT(Errors(), testing::ElementsAre(testing::HasSubstr("isn't there")));
}

TEST_F(DirectoryTest, VerifyFindsAMissingMailbox) {
  ASSERT_TRUE(Create("user").ok());
  ASSERT_TRUE(SyncWait(mailboxes_->Erase((*Find("user"))->inbox)).ok());
  EXPECT_THAT(Errors(), testing::ElementsAre(testing::HasSubstr("mailbox INBOX")));
}

}  // namespace
}  // namespace restante::store
