// Aliases: where addresses lead that are no account's own.
#include "absl/strings/str_cat.h"
#include "storage-service/store/address_map.h"
#include "storage-service/store/alias_map.h"
#include "tests/accounts/directory_fixture.h"

namespace restante::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class DirectoryAliases : public DirectoryTest {
 protected:
  absl::Status Add(std::string address, std::vector<std::string> targets) {
    return SyncWait(directory_->AddAlias(std::move(address), std::move(targets))).status();
  }
  absl::Status Remove(std::string address, std::vector<std::string> targets = {}) {
    return SyncWait(directory_->RemoveAlias(std::move(address), std::move(targets))).status();
  }
  // The addresses of the accounts that mail goes to.
  std::vector<std::string> Route(std::string address) {
    const auto route = SyncWait(directory_->FindRecipient(std::move(address)));
    std::vector<std::string> accounts;
    if (!route.ok()) return {std::string(ReasonName(ReasonOf(route.status())))};
    for (const Entry& account : route->accounts) accounts.push_back(account->address);
    return accounts;
  }
  void CreateAll(std::vector<std::string> addresses) {
    for (std::string& address : addresses) ASSERT_TRUE(Create(std::move(address)).ok());
  }
  std::vector<AliasInfo> All(size_t page_size) {
    std::vector<AliasInfo> aliases;
    std::string token;
    do {
      absl::StatusOr<AliasPage> page = SyncWait(directory_->ListAliases(token, page_size));
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      EXPECT_LE(page->aliases.size(), page_size);
      for (AliasInfo& alias : page->aliases) aliases.push_back(std::move(alias));
      token = page->next_page_token;
    } while (!token.empty());
    return aliases;
  }
};

TEST_F(DirectoryAliases, PassOnADetailIfTheyHaveOneTarget) {
  const auto details = [this](std::string address) {
    return SyncWait(directory_->FindRecipient(std::move(address)))->details;
  };
  CreateAll({"anna@example.org", "bert@example.org", "x+y@example.org"});
  ASSERT_TRUE(Add("info@example.org", {"anna@example.org"}).ok());
  ASSERT_TRUE(Add("hello@example.org", {"info@example.org"}).ok());
  ASSERT_TRUE(Add("bugs@example.org", {"anna+Bugs@example.org"}).ok());
  ASSERT_TRUE(Add("team@example.org", {"bert@example.org", "anna+team@example.org"}).ok());
  ASSERT_TRUE(Add("anna+orders@example.org", {"bert@example.org"}).ok());
  ASSERT_TRUE(Add("whole@example.org", {"x+y@example.org"}).ok());
  ASSERT_TRUE(Add("@example.org", {"bert@example.org"}).ok());
  EXPECT_THAT(details("Anna+Lists@example.org"), ElementsAre("Lists"));
  EXPECT_THAT(details("anna@example.org"), ElementsAre(""));
  EXPECT_THAT(details("info+Lists@example.org"), ElementsAre("Lists"));
  EXPECT_THAT(details("hello+Lists@example.org"), ElementsAre("Lists"));
  EXPECT_THAT(details("bugs+Lists@example.org"), ElementsAre("bugs")) << "the target's own";
  EXPECT_THAT(details("team+Lists@example.org"), ElementsAre("", "team")) << "a list";
  EXPECT_THAT(details("anna+orders@example.org"), ElementsAre("")) << "an alias of its own";
  EXPECT_THAT(details("x+y@example.org"), ElementsAre("")) << "an account of its own";
  EXPECT_THAT(details("whole@example.org"), ElementsAre(""));
  EXPECT_THAT(details("who+Lists@example.org"), ElementsAre("")) << "a catch-all";
}

TEST_F(DirectoryAliases, LeadToOneAccountOrMany) {
  CreateAll({"anna@example.org", "bert@example.org"});
  ASSERT_TRUE(Add("info@example.org", {"anna@example.org"}).ok());
  ASSERT_TRUE(Add("team@example.org", {"Bert@EXAMPLE.org", "anna+team@example.org"}).ok());
  EXPECT_THAT(Route("INFO@example.org"), ElementsAre("anna@example.org"));
  EXPECT_THAT(Route("team@example.org"), ElementsAre("bert@example.org", "anna@example.org"));
  Restart();
  EXPECT_THAT(Route("team@example.org"), ElementsAre("bert@example.org", "anna@example.org"));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(DirectoryAliases, LeadToOtherAliasesAndCountEachAccountOnce) {
  CreateAll({"anna", "bert", "carl"});
  ASSERT_TRUE(Add("sales", {"anna", "bert"}).ok());
  ASSERT_TRUE(Add("support", {"bert", "carl"}).ok());
  ASSERT_TRUE(Add("all", {"sales", "support", "anna"}).ok());
  EXPECT_THAT(Route("all"), ElementsAre("anna", "bert", "carl"));
}

TEST_F(DirectoryAliases, TakeDetailAndMakeExceptionsOfIt) {
  CreateAll({"anna", "bert"});
  ASSERT_TRUE(Add("info", {"anna"}).ok());
  EXPECT_THAT(Route("info+x"), ElementsAre("anna"));
  ASSERT_TRUE(Add("anna+orders", {"bert"}).ok());
  EXPECT_THAT(Route("anna+orders"), ElementsAre("bert"));
  EXPECT_THAT(Route("anna+others"), ElementsAre("anna"));
}

TEST_F(DirectoryAliases, CatchAllThatIsNothingElseInTheDomain) {
  CreateAll({"anna@example.org", "bert@example.org", "user"});
  ASSERT_TRUE(Add("@Example.org", {"bert@example.org"}).ok());
  EXPECT_THAT(Route("whoever@example.org"), ElementsAre("bert@example.org"));
  EXPECT_THAT(Route("whoever+x@example.org"), ElementsAre("bert@example.org"));
  EXPECT_THAT(Route("anna@example.org"), ElementsAre("anna@example.org"));
  EXPECT_THAT(Route("anna+x@example.org"), ElementsAre("anna@example.org"));
  EXPECT_THAT(Route("whoever@example.com"), ElementsAre("NO_SUCH_ACCOUNT"));
  EXPECT_THAT(Route("whoever"), ElementsAre("NO_SUCH_ACCOUNT"));
  EXPECT_EQ(SyncWait(directory_->FindRecipient("x@example.org"))->alias, "@example.org");
  // A misspelt target would otherwise lead to everything.
  EXPECT_EQ(ReasonOf(Add("info@example.org", {"whoever@example.org"})),
            v1::ERROR_REASON_NO_SUCH_ACCOUNT);
}

TEST_F(DirectoryAliases, DoNotLogIn) {
  ASSERT_TRUE(Create("anna", "secret").ok());
  ASSERT_TRUE(Add("info", {"anna"}).ok());
  EXPECT_EQ(LoginReason("info", "secret"), v1::ERROR_REASON_BAD_CREDENTIALS);
}

TEST_F(DirectoryAliases, AnAddressIsAnAccountsOrAnAliasAndNeverBoth) {
  CreateAll({"anna", "bert"});
  EXPECT_EQ(ReasonOf(Add("anna", {"bert"})), v1::ERROR_REASON_ACCOUNT_EXISTS);
  ASSERT_TRUE(Add("info", {"anna"}).ok());
  EXPECT_EQ(ReasonOf(Create("info").status()), v1::ERROR_REASON_ACCOUNT_EXISTS);
  const auto report = SyncWait(directory_->Import({Account("carl"), Account("INFO")}));
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_THAT(report->problems, SizeIs(1));
  EXPECT_EQ(report->problems[0].index, 1u);
  EXPECT_THAT(AllAddresses(), UnorderedElementsAre("anna", "bert"));
  ASSERT_TRUE(Remove("info").ok());
  EXPECT_TRUE(Create("info").ok());
}

TEST_F(DirectoryAliases, LoopsAreRefusedAndNamed) {
  CreateAll({"anna"});
  EXPECT_EQ(ReasonOf(Add("a", {"A"})), v1::ERROR_REASON_BAD_ALIAS);
  ASSERT_TRUE(Add("a", {"anna"}).ok());
  ASSERT_TRUE(Add("b", {"a"}).ok());
  ASSERT_TRUE(Add("c", {"b"}).ok());
  const absl::Status loop = Add("a", {"c"});
  EXPECT_EQ(ReasonOf(loop), v1::ERROR_REASON_BAD_ALIAS);
  EXPECT_THAT(std::string(loop.message()), HasSubstr("a -> c -> b -> a"));
  EXPECT_THAT(Route("c"), ElementsAre("anna"));
}

TEST_F(DirectoryAliases, ALoopThatCameAboutAllTheSameIsNotWalkedForEver) {
  CreateAll({"anna"});
  ASSERT_TRUE(Add("b", {"anna"}).ok());
  ASSERT_TRUE(Add("a", {"b"}).ok());
  RecipientChanges changes;
  AliasMap map(engine_.get(), &changes);
  const auto changed = SyncWait(map.Change("b", [](AliasMap::Alias& alias) {
    alias.targets = {{"a", {}}};
    return absl::OkStatus();
  }));
  ASSERT_TRUE(changed.ok());
  EXPECT_THAT(Route("a"), ElementsAre("BAD_ALIAS"));
}

TEST_F(DirectoryAliases, ChainsAndTargetsAreBounded) {
  CreateAll({"anna"});
  std::string before = "anna";
  for (size_t i = 1; i <= kMostAliasSteps; ++i) {
    ASSERT_TRUE(Add(absl::StrCat("step", i), {before}).ok()) << i;
    before = absl::StrCat("step", i);
  }
  EXPECT_THAT(Route(before), ElementsAre("anna"));
  EXPECT_EQ(ReasonOf(Add("step", {before})), v1::ERROR_REASON_BAD_ALIAS);

  std::vector<std::string> targets;
  for (size_t i = 0; i < kMostAliasTargets; ++i) {
    targets.push_back(absl::StrCat("user", i));
    ASSERT_TRUE(Create(targets.back()).ok());
  }
  ASSERT_TRUE(Add("everybody", targets).ok());
  EXPECT_THAT(Route("everybody"), SizeIs(kMostAliasTargets));
  EXPECT_EQ(ReasonOf(Add("everybody", {"anna"})), v1::ERROR_REASON_BAD_ALIAS);
  EXPECT_EQ(ReasonOf(Add("more", {"everybody", "anna"})), v1::ERROR_REASON_BAD_ALIAS);
}

TEST_F(DirectoryAliases, TargetsMustBeThere) {
  CreateAll({"anna"});
  const absl::Status missing = Add("info", {"anna", "nobody"});
  EXPECT_EQ(ReasonOf(missing), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("nobody"));
  EXPECT_EQ(ReasonOf(Add("info", {"@"})), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_EQ(ReasonOf(Add("info", {})), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_EQ(ReasonOf(Add("@", {"anna"})), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_THAT(All(10), IsEmpty());
}

TEST_F(DirectoryAliases, ADeletedTargetIsPassedOverWhileThereIsAnother) {
  CreateAll({"anna", "bert"});
  ASSERT_TRUE(Add("team", {"anna", "bert"}).ok());
  ASSERT_TRUE(SyncWait(directory_->Delete("anna")).ok());
  EXPECT_THAT(Route("team"), ElementsAre("bert"));
  const auto alias = SyncWait(directory_->GetAlias("team"));
  ASSERT_TRUE(alias.ok());
  EXPECT_TRUE(alias->targets[0].missing);
  EXPECT_FALSE(alias->targets[1].missing);
  ASSERT_TRUE(SyncWait(directory_->Delete("bert")).ok());
  EXPECT_THAT(Route("team"), ElementsAre("NO_SUCH_ACCOUNT"));
  // Whoever gets the address gets its mail.
  CreateAll({"anna"});
  EXPECT_THAT(Route("team"), ElementsAre("anna"));
}

TEST_F(DirectoryAliases, AreRemovedAsAWholeOrTargetByTarget) {
  CreateAll({"anna", "bert", "carl"});
  ASSERT_TRUE(Add("team", {"anna", "bert", "carl", "Anna"}).ok());
  EXPECT_EQ(ReasonOf(Remove("team", {"nobody"})), v1::ERROR_REASON_NO_SUCH_ALIAS);
  ASSERT_TRUE(Remove("team", {"BERT"}).ok());
  EXPECT_THAT(Route("team"), ElementsAre("anna", "carl"));
  ASSERT_TRUE(Remove("team", {"anna", "carl"}).ok());
  EXPECT_EQ(ReasonOf(Remove("team")), v1::ERROR_REASON_NO_SUCH_ALIAS);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->GetAlias("team")).status()),
            v1::ERROR_REASON_NO_SUCH_ALIAS);
  ASSERT_TRUE(Add("team", {"anna"}).ok());
  ASSERT_TRUE(Remove("team").ok());
  EXPECT_THAT(Route("team"), ElementsAre("NO_SUCH_ACCOUNT"));
}

TEST_F(DirectoryAliases, AreListedInPages) {
  CreateAll({"anna"});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Add(absl::StrCat("alias", i), {"anna"}).ok());
  for (const size_t page_size : {1, 7, 1000}) EXPECT_THAT(All(page_size), SizeIs(100));
  EXPECT_THAT(AllAddresses(7), ElementsAre("anna")) << "an alias is no account";
}

TEST_F(DirectoryAliases, OfWhichTwoAreChangedAtOnceMakeNoLoop) {
  CreateAll({"anna"});
  ASSERT_TRUE(Add("a", {"anna"}).ok());
  ASSERT_TRUE(Add("b", {"anna"}).ok());
  engine_->HoldCommits();
  std::vector<absl::Status> added(2, absl::UnknownError("under way"));
  for (size_t i = 0; i < 2; ++i) {
    Spawn<absl::StatusOr<AliasInfo>>(
        directory_->AddAlias(i == 0 ? "a" : "b", {i == 0 ? "b" : "a"}),
        [&added, i](absl::StatusOr<AliasInfo> result) { added[i] = result.status(); });
  }
  engine_->ReleaseCommits();
  EXPECT_TRUE(added[0].ok()) << added[0];
  EXPECT_EQ(ReasonOf(added[1]), v1::ERROR_REASON_BAD_ALIAS) << added[1];
}

TEST_F(DirectoryAliases, AnAliasThatIsAnAccountAsWellIsAnErrorOfVerify) {
  CreateAll({"anna", "bert"});
  ASSERT_TRUE(Add("info", {"anna"}).ok());
  EXPECT_THAT(Errors(), IsEmpty());
  const engine::ShardId shard = AddressMap::SliceShard(AddressMap::SliceOf("bert"));
  engine_->GetVersion(shard, [&](absl::StatusOr<engine::Version> version) {
    engine::CommitRequest request{shard, *version};
    request.puts.emplace_back(AliasKey("bert"), EncodeAliasOf("anna", (*Find("anna"))->id));
    engine_->Commit(std::move(request), [](const absl::StatusOr<engine::Version>& committed) {
      EXPECT_TRUE(committed.ok());
    });
  });
  EXPECT_THAT(Errors(), ElementsAre(HasSubstr("account's as well")));
}

}  // namespace
}  // namespace restante::store
