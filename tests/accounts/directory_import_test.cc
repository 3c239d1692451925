// Importing many accounts: all of them, or none and why.
#include "absl/strings/str_cat.h"
#include "tests/accounts/directory_fixture.h"

namespace restante::store {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kHash[] = "$1$47eYPYqp$cqwU68ZiE5ljqlllj2jh01";

class DirectoryImport : public DirectoryTest {
 protected:
  absl::StatusOr<ImportReport> Import(std::vector<NewAccount> accounts) {
    return SyncWait(directory_->Import(std::move(accounts)));
  }
  static std::vector<NewAccount> Many(size_t count) {
    std::vector<NewAccount> accounts;
    for (size_t i = 0; i < count; ++i) {
      accounts.push_back({absl::StrCat("user", i, "@example.org"), CryptHash{kHash}, i});
    }
    return accounts;
  }
  void ExpectNothingWasMade() {
    EXPECT_THAT(AllAddresses(), IsEmpty());
    EXPECT_EQ(AccountShards(), 0u);
    EXPECT_EQ(MailboxShards(), 0u);
  }
};

TEST_F(DirectoryImport, MakesEveryAccount) {
  auto accounts = Many(2);
  accounts.push_back(Account("clear@example.org", "secret"));
  const auto report = Import(std::move(accounts));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->imported, 3u);
  EXPECT_THAT(report->problems, IsEmpty());
  EXPECT_EQ((*Find("user1@example.org"))->password_hash, kHash);
  EXPECT_EQ((*Find("user1@example.org"))->quota.octets, 1u);
  EXPECT_TRUE(Login("clear@example.org", "secret").ok());
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(DirectoryImport, OfNobodyIsFine) {
  const auto report = Import({});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->imported, 0u);
}

TEST_F(DirectoryImport, OfThousandsWritesTheirAddressesInBatches) {
  constexpr size_t kCount = 5000;
  const auto report = Import(Many(kCount));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->imported, kCount);
  EXPECT_THAT(AllAddresses(), SizeIs(kCount));
  // A mailbox and a shard each, and 256 slices.
  EXPECT_LE(engine_->calls(Call::kCommit), 2 * kCount + 256);
}

TEST_F(DirectoryImport, WorksOverAnEngineThatAnswersLater) {
  Open(std::make_unique<engine::MemoryEngine>(
      engine::MemoryEngine::Options{.complete_on_another_thread = true}));
  auto accounts = Many(300);
  for (int i = 0; i < 50; ++i) accounts.push_back(Account(absl::StrCat("clear", i)));
  const auto report = Import(std::move(accounts));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->imported, 350u);
  EXPECT_THAT(AllAddresses(), SizeIs(350));
  EXPECT_TRUE(Login("clear49", "secret").ok());
}

TEST_F(DirectoryImport, HasItsWritesWaitTogether) {
  engine_->HoldCommits();
  absl::StatusOr<ImportReport> report = absl::UnknownError("under way");
  Spawn<absl::StatusOr<ImportReport>>(
      directory_->Import(Many(50)),
      [&report](absl::StatusOr<ImportReport> result) { report = std::move(result); });
  EXPECT_EQ(engine_->held_commits(), 50u);
  engine_->ReleaseCommits();
  ASSERT_TRUE(report.ok()) << report.status();
}

TEST_F(DirectoryImport, HashesClearPasswordsOnThePasswordThreads) {
  std::vector<NewAccount> accounts;
  for (int i = 0; i < 20; ++i)
    accounts.push_back(Account(absl::StrCat("u", i), absl::StrCat("p", i)));
  const int before = hasher_->hashes();
  ASSERT_TRUE(Import(std::move(accounts)).ok());
  EXPECT_EQ(hasher_->hashes() - before, 20);
  EXPECT_TRUE(Login("u7", "p7").ok());
}

TEST_F(DirectoryImport, NamesEveryWrongEntryAndMakesNone) {
  ASSERT_TRUE(Create("taken@example.org").ok());
  auto accounts = Many(8);
  accounts[1].address = "no body@example.org";
  accounts[2].credential = CryptHash{"{SSHA}xyz"};
  accounts[4].address = "USER0@example.org";
  accounts[5].address = "Taken@example.org";
  accounts[6].credential = Password{""};
  const auto report = Import(std::move(accounts));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->imported, 0u);
  ASSERT_THAT(report->problems, SizeIs(5));
  const std::pair<uint64_t, const char*> expected[] = {
      {1, "space"}, {2, "{SCHEME}"}, {4, "second time"}, {5, "already"}, {6, "empty"}};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(report->problems[i].index, expected[i].first);
    EXPECT_THAT(report->problems[i].message, HasSubstr(expected[i].second));
  }
  EXPECT_EQ(AccountShards(), 1u);
  EXPECT_EQ(MailboxShards(), 1u);
}

TEST_F(DirectoryImport, NamesTheFirstHundredWrongEntries) {
  auto accounts = Many(500);
  for (size_t i = 100; i < 500; ++i) accounts[i].address = "@";
  const auto report = Import(std::move(accounts));
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_THAT(report->problems, SizeIs(100));
  EXPECT_EQ(report->problems.front().index, 100u);
  EXPECT_EQ(report->problems.back().index, 199u);
  ExpectNothingWasMade();
}

TEST_F(DirectoryImport, CanBeRepeatedAfterTheWrongEntryIsMended) {
  auto accounts = Many(3);
  accounts[2].address = "";
  ASSERT_THAT(Import(std::move(accounts))->problems, SizeIs(1));
  const auto report = Import(Many(3));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->imported, 3u);
}

TEST_F(DirectoryImport, KeepsItsAddressesFromOthersUntilItIsDone) {
  engine_->HoldCommits();
  absl::StatusOr<ImportReport> report = absl::UnknownError("under way");
  Spawn<absl::StatusOr<ImportReport>>(
      directory_->Import(Many(3)),
      [&report](absl::StatusOr<ImportReport> result) { report = std::move(result); });
  absl::StatusOr<AccountInfo> created;
  Spawn<absl::StatusOr<AccountInfo>>(
      directory_->Create(Account("user1@example.org")),
      [&created](absl::StatusOr<AccountInfo> result) { created = std::move(result); });
  EXPECT_EQ(ReasonOf(created.status()), v1::ERROR_REASON_ACCOUNT_EXISTS);
  engine_->ReleaseCommits();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->imported, 3u);
}

TEST_F(DirectoryImport, LeavesNothingWhenTheStoreRefusesAMailboxOrAShard) {
  for (size_t nth : {1u, 7u, 20u}) {
    SCOPED_TRACE(absl::StrCat("commit ", nth));
    engine_->FailNth(Call::kCommit, nth, MakeError(v1::ERROR_REASON_STORE_FULL, "full"));
    EXPECT_EQ(ReasonOf(Import(Many(10)).status()), v1::ERROR_REASON_STORE_FULL);
    ExpectNothingWasMade();
  }
  EXPECT_TRUE(Import(Many(10)).ok());
}

TEST_F(DirectoryImport, SaysHowManyWereMadeWhenTheStoreFailsBetweenAddresses) {
  // 20 mailboxes and shards; then one commit for each slice.
  engine_->FailNth(Call::kCommit, 23, MakeError(v1::ERROR_REASON_STORE_FULL, "full"));
  const auto report = Import(Many(10));
  EXPECT_EQ(ReasonOf(report.status()), v1::ERROR_REASON_STORE_FAILURE);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("of 10 accounts made: full"));
  EXPECT_THAT(AllAddresses(), testing::Not(IsEmpty()));
  EXPECT_EQ(AccountShards(), AllAddresses().size());
  EXPECT_THAT(Findings(), IsEmpty());
}

}  // namespace
}  // namespace restante::store
