// Finding accounts: by address, for a recipient, by id, and page by page.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/accounts/directory_fixture.h"

namespace restante::store {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

class DirectoryLookup : public DirectoryTest {};

TEST_F(DirectoryLookup, FindsAnAccountHoweverItsAddressIsWritten) {
  ASSERT_TRUE(Create("Jörg@BÜCHER.example").ok());
  for (const char* address :
       {"Jörg@BÜCHER.example", "jörg@bücher.example", "JÖRG@xn--bcher-kva.example",
        "jo\u0308rg@XN--BCHER-KVA.EXAMPLE"}) {
    const auto entry = Find(address);
    ASSERT_TRUE(entry.ok()) << address << ": " << entry.status();
    EXPECT_EQ((*entry)->address, "Jörg@BÜCHER.example");
  }
}

TEST_F(DirectoryLookup, SaysWhenThereIsNoSuchAccount) {
  EXPECT_EQ(ReasonOf(Find("nobody@example.org").status()), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->FindById(Id128::Random())).status()),
            v1::ERROR_REASON_NO_SUCH_ACCOUNT);
}

TEST_F(DirectoryLookup, SaysWhenAnAddressCanBeNone) {
  EXPECT_EQ(ReasonOf(Find("no body@example.org").status()), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->FindRecipient("@")).status()),
            v1::ERROR_REASON_BAD_ADDRESS);
}

TEST_F(DirectoryLookup, FindsTheAccountOfARecipientWithDetail) {
  ASSERT_TRUE(Create("user@example.org").ok());
  const auto route = SyncWait(directory_->FindRecipient("User+Lists@example.org"));
  ASSERT_TRUE(route.ok()) << route.status();
  ASSERT_EQ(route->accounts.size(), 1u);
  EXPECT_EQ(route->accounts[0]->address, "user@example.org");
  EXPECT_EQ(route->alias, "");
}

TEST_F(DirectoryLookup, PrefersTheAccountOfExactlyTheRecipient) {
  ASSERT_TRUE(Create("user@example.org").ok());
  ASSERT_TRUE(Create("user+lists@example.org").ok());
  const auto route = SyncWait(directory_->FindRecipient("user+lists@example.org"));
  ASSERT_TRUE(route.ok()) << route.status();
  ASSERT_EQ(route->accounts.size(), 1u);
  EXPECT_EQ(route->accounts[0]->address, "user+lists@example.org");
}

TEST_F(DirectoryLookup, FindsNoRecipientForADetailOfNobody) {
  EXPECT_EQ(ReasonOf(SyncWait(directory_->FindRecipient("nobody+x@example.org")).status()),
            v1::ERROR_REASON_NO_SUCH_ACCOUNT);
}

TEST_F(DirectoryLookup, DoesNotTakeDetailForALogin) {
  ASSERT_TRUE(Create("user@example.org").ok());
  EXPECT_EQ(LoginReason("user+x@example.org", "secret"), v1::ERROR_REASON_BAD_CREDENTIALS);
}

TEST_F(DirectoryLookup, FindsTheSameAccountByItsId) {
  const auto created = Create("user@example.org");
  ASSERT_TRUE(created.ok());
  const auto entry = SyncWait(directory_->FindById(created->id));
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ((*entry)->address, "user@example.org");
  EXPECT_EQ((*entry)->created, clock_.Now());
  EXPECT_FALSE((*entry)->inbox.IsZero());
  EXPECT_GT((*entry)->inbox_uidvalidity, 0u);
}

TEST_F(DirectoryLookup, KnowsAccountsAfterARestart) {
  const auto created = Create("user@example.org");
  const auto before = Find("user@example.org");
  ASSERT_TRUE(created.ok() && before.ok());
  const Entry old = *before;
  Restart();
  const auto after = Find("user@example.org");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ((*after)->id, created->id);
  EXPECT_EQ((*after)->inbox, old->inbox);
  EXPECT_EQ((*after)->inbox_uidvalidity, old->inbox_uidvalidity);
  EXPECT_EQ((*after)->password_hash, old->password_hash);
  EXPECT_EQ((*after)->created, old->created);
}

TEST_F(DirectoryLookup, AnswersFromMemoryOnTheCallingThreadTheSecondTime) {
  const auto created = Create("user@example.org");
  ASSERT_TRUE(created.ok() && Find("user@example.org").ok());
  const size_t gets = engine_->calls(Call::kGet);
  bool by_address = false;
  bool by_id = false;
  Spawn<absl::StatusOr<Entry>>(directory_->Find("USER@example.org"),
                               [&](absl::StatusOr<Entry> entry) { by_address = entry.ok(); });
  Spawn<absl::StatusOr<Entry>>(directory_->FindById(created->id),
                               [&](absl::StatusOr<Entry> entry) { by_id = entry.ok(); });
  EXPECT_TRUE(by_address);
  EXPECT_TRUE(by_id);
  EXPECT_EQ(engine_->calls(Call::kGet), gets);
}

TEST_F(DirectoryLookup, ReportsAStoreThatFails) {
  ASSERT_TRUE(Create("user@example.org").ok());
  const absl::Status broken = MakeError(v1::ERROR_REASON_STORE_FAILURE, "broken");
  engine_->FailNext(Call::kGet, broken);
  EXPECT_EQ(Find("user@example.org").status(), broken);
  EXPECT_TRUE(Find("user@example.org").ok());
}

TEST_F(DirectoryLookup, ListsNobodyInAnEmptyStore) { EXPECT_THAT(AllAddresses(), IsEmpty()); }

TEST_F(DirectoryLookup, ListsEverybodyOnceWhateverThePageSize) {
  std::set<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    const std::string address = absl::StrCat("User", i, "@example.org");
    ASSERT_TRUE(Create(address).ok());
    expected.insert(address);
  }
  for (const size_t page_size : {1u, 2u, 7u, 299u, 300u, 1000u}) {
    const std::vector<std::string> listed = AllAddresses(page_size);
    EXPECT_EQ(listed.size(), expected.size()) << page_size;
    EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()), expected) << page_size;
  }
}

TEST_F(DirectoryLookup, ListsWhatAnAccountIs) {
  ASSERT_TRUE(SyncWait(directory_->Create({"user@example.org", Password{"p"}, 1000})).ok());
  const auto page = SyncWait(directory_->List("", 10));
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->accounts.size(), 1u);
  const AccountInfo& account = page->accounts[0];
  EXPECT_EQ(account.address, "user@example.org");
  EXPECT_EQ(account.quota_octets, 1000u);
  EXPECT_EQ(account.used_octets, 0u);
  EXPECT_EQ(account.message_count, 0u);
  EXPECT_FALSE(account.disabled);
  EXPECT_EQ(account.created, clock_.Now());
}

TEST_F(DirectoryLookup, RefusesAPageTokenThatItDidNotGive) {
  for (const char* token : {"x", "zz:", "000:", "12", "12;a"}) {
    EXPECT_EQ(ReasonOf(SyncWait(directory_->List(token, 10)).status()),
              v1::ERROR_REASON_INVALID_REQUEST)
        << token;
  }
}

}  // namespace
}  // namespace restante::store
