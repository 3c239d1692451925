// Another address for an account: all that it is and has stays, whatever happens in
// the middle.
#include "absl/strings/str_cat.h"
#include "tests/accounts/directory_fixture.h"

namespace restante::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class DirectoryRename : public DirectoryTest {
 protected:
  absl::StatusOr<AccountInfo> Rename(std::string from, std::string to,
                                     bool keep_alias = false) {
    return SyncWait(directory_->Rename(std::move(from), std::move(to), keep_alias));
  }
  std::vector<std::string> Route(std::string address) {
    const auto route = SyncWait(directory_->FindRecipient(std::move(address)));
    std::vector<std::string> accounts;
    if (!route.ok()) return {std::string(ReasonName(ReasonOf(route.status())))};
    for (const Entry& account : route->accounts) accounts.push_back(account->address);
    return accounts;
  }
};

TEST_F(DirectoryRename, KeepsTheAccountAndFreesItsOldAddress) {
  ASSERT_TRUE(Create("anna@example.org", "secret").ok());
  const Entry before = *Find("anna@example.org");
  const auto renamed = Rename("Anna@example.org", "Anne@example.com");
  ASSERT_TRUE(renamed.ok()) << renamed.status();
  EXPECT_EQ(renamed->address, "Anne@example.com");
  const Entry after = *Find("anne@example.com");
  EXPECT_EQ(after->id, before->id);
  EXPECT_EQ(after->inbox, before->inbox);
  EXPECT_EQ(after->inbox_uidvalidity, before->inbox_uidvalidity);
  EXPECT_EQ(after->created, before->created);
  EXPECT_EQ(after->domain, "example.com");
  EXPECT_EQ(LoginReason("anna@example.org", "secret"), v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_TRUE(Login("anne@example.com", "secret").ok());
  EXPECT_THAT(AllAddresses(), ElementsAre("Anne@example.com"));
  EXPECT_THAT(Findings(), IsEmpty());

  const auto other = Create("anna@example.org");
  ASSERT_TRUE(other.ok()) << "the old address is free";
  EXPECT_NE((*Find("anna@example.org"))->inbox_uidvalidity, before->inbox_uidvalidity)
      << "no client may take the new mailbox for the old one";
  ASSERT_TRUE(SyncWait(directory_->Delete("anna@example.org")).ok());
  Restart();
  EXPECT_TRUE(Login("anne@example.com", "secret").ok());
  EXPECT_EQ(ReasonOf(Find("anna@example.org").status()), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(DirectoryRename, ChangesHowAnAddressIsWritten) {
  ASSERT_TRUE(Create("anna").ok());
  ASSERT_TRUE(Rename("anna", "Anna").ok());
  EXPECT_THAT(AllAddresses(), ElementsAre("Anna"));
  EXPECT_EQ((*Find("anna"))->address, "Anna");
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(DirectoryRename, NeedsAnAddressThatIsFreeAndLegal) {
  ASSERT_TRUE(Create("anna").ok());
  ASSERT_TRUE(Create("bert").ok());
  ASSERT_TRUE(SyncWait(directory_->AddAlias("info", {"bert"})).ok());
  EXPECT_EQ(ReasonOf(Rename("anna", "BERT").status()), v1::ERROR_REASON_ACCOUNT_EXISTS);
  EXPECT_EQ(ReasonOf(Rename("anna", "info").status()), v1::ERROR_REASON_ACCOUNT_EXISTS);
  EXPECT_EQ(ReasonOf(Rename("anna", "@").status()), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_EQ(ReasonOf(Rename("anna", "an\uE000na").status()), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_EQ(ReasonOf(Rename("nobody", "carl").status()), v1::ERROR_REASON_NO_SUCH_ACCOUNT);
  EXPECT_THAT(AllAddresses(), UnorderedElementsAre("anna", "bert"));
  Restart();
  EXPECT_THAT(AllAddresses(), UnorderedElementsAre("anna", "bert"));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(DirectoryRename, AliasesGoOnLeadingToTheAccount) {
  ASSERT_TRUE(Create("anna").ok());
  ASSERT_TRUE(SyncWait(directory_->AddAlias("info", {"anna"})).ok());
  ASSERT_TRUE(Rename("anna", "anne").ok());
  EXPECT_THAT(Route("info"), ElementsAre("anne"));
  EXPECT_THAT(Route("anna"), ElementsAre("NO_SUCH_ACCOUNT"));
  EXPECT_EQ(SyncWait(directory_->GetAlias("info"))->targets[0].address, "anne");
  // Whoever gets the address now isn't whom the alias means.
  ASSERT_TRUE(Create("anna").ok());
  EXPECT_THAT(Route("info"), ElementsAre("anne"));
  ASSERT_TRUE(SyncWait(directory_->RemoveAlias("info", {"anne"})).ok());
}

TEST_F(DirectoryRename, TheOldAddressMayStayAsAnAlias) {
  ASSERT_TRUE(Create("anna").ok());
  ASSERT_TRUE(Rename("anna", "anne", true).ok());
  EXPECT_THAT(Route("anna"), ElementsAre("anne"));
  EXPECT_THAT(Route("anna+x"), ElementsAre("anne"));
  EXPECT_THAT(AllAddresses(), ElementsAre("anne"));
  EXPECT_EQ(ReasonOf(Create("anna").status()), v1::ERROR_REASON_ACCOUNT_EXISTS);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(DirectoryRename, TokensGoOnBeingGood) {
  ASSERT_TRUE(Create("anna", "secret").ok());
  const auto authenticated =
      SyncWait(directory_->AuthenticatePassword("anna", "secret", ClientInfo()));
  ASSERT_TRUE(authenticated.ok());
  ASSERT_TRUE(Rename("anna", "anne").ok());
  const auto entry = SyncWait(directory_->CheckAuthToken(authenticated->auth_token));
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ((*entry)->address, "anne");
}

TEST_F(DirectoryRename, PoliciesOfItsOwnStayAndThoseOfTheDomainChange) {
  ASSERT_TRUE(Create("anna@example.org").ok());
  AccountChange own;
  own.pop3_policy.emplace();
  own.pop3_policy->login_delay = true;
  own.pop3_policy->to.login_delay = absl::Minutes(5);
  ASSERT_TRUE(Update("anna@example.org", own).ok());
  Pop3PolicyChange of_domain;
  of_domain.expire_arrived = true;
  of_domain.to.expire_arrived = absl::Hours(24);
  ASSERT_TRUE(SyncWait(directory_->SetDomainPolicy("example.com", of_domain)).ok());
  const auto renamed = Rename("anna@example.org", "anna@example.com");
  ASSERT_TRUE(renamed.ok()) << renamed.status();
  EXPECT_EQ(renamed->pop3_policy.login_delay, absl::Minutes(5));
  EXPECT_EQ(renamed->effective_pop3_policy.ArrivedExpiry(), absl::Hours(24));
  Restart();
  EXPECT_EQ(directory_->EffectivePolicy(**Find("anna@example.com")).LoginDelay(),
            absl::Minutes(5));
}

TEST_F(DirectoryRename, ACrashAtAnyCommitLeavesOneAccountThatIsFound) {
  for (size_t commits = 0;; ++commits) {
    Open(std::make_unique<engine::MemoryEngine>());
    ASSERT_TRUE(Create("anna", "secret").ok());
    const AccountId id = (*Find("anna"))->id;
    engine_->HoldCommits();
    bool answered = false;
    Spawn<absl::StatusOr<AccountInfo>>(
        directory_->Rename("anna", "anne", false),
        [&answered](const absl::StatusOr<AccountInfo>&) { answered = true; });
    for (size_t i = 0; i < commits && !answered; ++i) engine_->ReleaseCommits(1);
    const bool done = answered;
    RestartAfterCrash(engine::MemoryEngine::InFlight::kLost);
    const auto by_old = Find("anna");
    const auto by_new = Find("anne");
    ASSERT_NE(by_old.ok(), by_new.ok()) << "after " << commits << " commits";
    EXPECT_EQ((*(by_new.ok() ? by_new : by_old))->id, id);
    EXPECT_EQ(by_new.ok(), commits > 0) << "what was begun is finished";
    EXPECT_THAT(Findings(), IsEmpty()) << "after " << commits << " commits";
    if (done) break;
  }
}

TEST_F(DirectoryRename, AFailureInTheMiddleIsMadeGoodByTryingAgain) {
  for (int failing = 0; failing < 5; ++failing) {
    Open(std::make_unique<engine::MemoryEngine>());
    ASSERT_TRUE(Create("anna").ok());
    engine_->FailNth(Call::kCommit, failing + 1, absl::UnavailableError("disk"));
    EXPECT_FALSE(Rename("anna", "anne").ok());
    const auto again = Rename(Find("anna").ok() ? "anna" : "anne", "anne");
    EXPECT_TRUE(again.ok()) << failing << ": " << again.status();
    EXPECT_THAT(AllAddresses(), ElementsAre("anne")) << failing;
    Restart();
    EXPECT_THAT(AllAddresses(), ElementsAre("anne")) << failing;
    EXPECT_THAT(Findings(), IsEmpty()) << failing;
  }
}

TEST_F(DirectoryRename, IsRefusedWhileTheAccountIsBeingChangedOtherwise) {
  ASSERT_TRUE(Create("anna").ok());
  engine_->HoldCommits();
  absl::StatusOr<AccountInfo> first = absl::UnknownError("under way");
  Spawn<absl::StatusOr<AccountInfo>>(
      directory_->Rename("anna", "anne", false),
      [&first](absl::StatusOr<AccountInfo> result) { first = std::move(result); });
  EXPECT_EQ(ReasonOf(Rename("anna", "other").status()), v1::ERROR_REASON_OVERLOADED);
  EXPECT_EQ(ReasonOf(Create("anne").status()), v1::ERROR_REASON_ACCOUNT_EXISTS);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->Delete("anna"))), v1::ERROR_REASON_OVERLOADED);
  engine_->ReleaseCommits();
  EXPECT_TRUE(first.ok()) << first.status();
}

}  // namespace
}  // namespace restante::store
