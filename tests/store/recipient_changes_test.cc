// Following where addresses lead: nothing is missed, nothing piles up.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "storage-service/store/recipient_changes.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

class RecipientChangesTest : public StoreTest {
 protected:
  RecipientChangesTest() { CreateAccount("anna@example.org"); }

  // From here on.
  void Listen() {
    watch_ = store().deliveries().WatchRecipients();
    EXPECT_TRUE(Next().everything) << "what was known before may be wrong";
  }
  RecipientNews Next() {
    absl::StatusOr<RecipientNews> news = SyncWait(watch_->Next());
    EXPECT_THAT(news.status(), IsOk());
    return news.ok() ? *std::move(news) : RecipientNews();
  }

  std::unique_ptr<RecipientWatch> watch_;
};

TEST_F(RecipientChangesTest, AccountsThatComeChangeAndGoAreNamed) {
  Listen();
  CreateAccount("Berta@example.org");
  EXPECT_THAT(Next().addresses, UnorderedElementsAre("berta@example.org"));
  AccountChange change;
  change.disabled = true;
  ASSERT_THAT(SyncWait(store().accounts().Update("berta@Example.org", change)).status(),
              IsOk());
  EXPECT_THAT(Next().addresses, UnorderedElementsAre("berta@example.org"));
  ASSERT_THAT(SyncWait(store().accounts().Delete("berta@example.org")), IsOk());
  EXPECT_THAT(Next().addresses, UnorderedElementsAre("berta@example.org"));
}

TEST_F(RecipientChangesTest, ARenamedAccountIsNamedByBothAddresses) {
  Listen();
  ASSERT_THAT(
      SyncWait(store().accounts().Rename("anna@example.org", "ann@example.org", false)).status(),
      IsOk());
  EXPECT_THAT(Next().addresses, UnorderedElementsAre("anna@example.org", "ann@example.org"));
}

TEST_F(RecipientChangesTest, AnImportNamesItsAccounts) {
  Listen();
  std::vector<NewAccount> accounts;
  accounts.push_back({"carl@example.org", Password{"secret"}, 0});
  accounts.push_back({"dora@example.org", Password{"secret"}, 0});
  ASSERT_THAT(SyncWait(store().accounts().Import(std::move(accounts))).status(), IsOk());
  EXPECT_THAT(Next().addresses, UnorderedElementsAre("carl@example.org", "dora@example.org"));
}

TEST_F(RecipientChangesTest, AliasesAndDomainQuotasConcernEverything) {
  Listen();
  ASSERT_THAT(
      SyncWait(store().aliases().AddAlias("team@example.org", {"anna@example.org"})).status(),
      IsOk());
  EXPECT_TRUE(Next().everything);
  ASSERT_THAT(SyncWait(store().aliases().RemoveAlias("team@example.org", {})).status(), IsOk());
  EXPECT_TRUE(Next().everything);
  DomainQuotaChange quota;
  quota.accounts.octets = 1000;
  ASSERT_THAT(SyncWait(store().accounts().SetDomainQuota("example.org", quota)).status(),
              IsOk());
  EXPECT_TRUE(Next().everything);
}

TEST_F(RecipientChangesTest, ForASlowListenerManyChangesBecomeEverything) {
  Listen();
  RecipientChanges changes;
  const auto slow = changes.Listen();
  ASSERT_THAT(SyncWait(slow->Next()).status(), IsOk());
  for (size_t i = 0; i < RecipientChanges::kMostAddresses; ++i) {
    changes.Note(absl::StrCat("user", i, "@example.org"));
  }
  absl::StatusOr<RecipientNews> news = SyncWait(slow->Next());
  ASSERT_THAT(news.status(), IsOk());
  EXPECT_FALSE(news->everything);
  EXPECT_EQ(news->addresses.size(), RecipientChanges::kMostAddresses);
  for (size_t i = 0; i <= RecipientChanges::kMostAddresses; ++i) {
    changes.Note(absl::StrCat("user", i, "@example.org"));
  }
  news = SyncWait(slow->Next());
  ASSERT_THAT(news.status(), IsOk());
  EXPECT_TRUE(news->everything);
  EXPECT_THAT(news->addresses, IsEmpty());
}

TEST_F(RecipientChangesTest, WhoWaitsGoesOnWithTheChangeOrWhenItIsStopped) {
  Listen();
  Started<absl::StatusOr<RecipientNews>> waiting(watch_->Next());
  EXPECT_FALSE(waiting.done());
  CreateAccount("berta@example.org");
  EXPECT_THAT(waiting.Get().value_or(RecipientNews()).addresses,
              UnorderedElementsAre("berta@example.org"));
  Started<absl::StatusOr<RecipientNews>> stopped(watch_->Next());
  watch_->Stop();
  EXPECT_TRUE(absl::IsCancelled(stopped.Get().status()));
}

TEST_F(RecipientChangesTest, AChangeThatDidNotHappenIsNotTold) {
  Listen();
  NewAccount taken{"anna@example.org", Password{"secret"}, 0};
  EXPECT_THAT(SyncWait(store().accounts().Create(std::move(taken))).status(),
              HasReason(v1::ERROR_REASON_ACCOUNT_EXISTS));
  EXPECT_THAT(SyncWait(store().accounts().Delete("nobody@example.org")),
              HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
  CreateAccount("berta@example.org");
  EXPECT_THAT(Next().addresses, UnorderedElementsAre("berta@example.org"));
}

}  // namespace
}  // namespace restante::store
