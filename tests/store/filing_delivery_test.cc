// Deliveries that rules file by the message's header.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kSpam[] = "X-Spam-Flag: YES\r\nSubject: x\r\n\r\nbody\r\n";
constexpr char kHam[] = "X-Spam-Flag: NO\r\nSubject: x\r\n\r\nbody\r\n";

FilingRule SpamTo(const std::string& mailbox) { return {"X-Spam-Flag", "YES", false, mailbox}; }

class FilingDeliveryTest : public StoreTest {
 protected:
  absl::Status SetOwn(std::optional<FilingRules> rules,
                      const std::string& address = "anna@example.org") {
    AccountChange change;
    change.filing_rules.emplace(std::move(rules));
    return SyncWait(store().accounts().Update(address, change)).status();
  }
  absl::Status SetDomain(std::optional<FilingRules> rules,
                         const std::string& domain = "example.org") {
    return SyncWait(store().accounts().SetDomainFiling(domain, std::move(rules))).status();
  }
  std::vector<DomainFiling> Domains(const std::string& domain = "") {
    return *SyncWait(store().accounts().ListDomainFiling(domain));
  }
  void Make(const std::string& mailbox, std::vector<std::string> special_use = {}) {
    ASSERT_THAT(SyncWait(store().mailboxes().Create("anna@example.org", mailbox,
                                                    std::move(special_use)))
                    .status(),
                IsOk());
  }
  std::string Where(const std::string& message,
                    const std::string& recipient = "anna@example.org") {
    const RecipientResult result = Deliver(recipient, message);
    EXPECT_THAT(result.status, IsOk());
    return result.mailbox_name;
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto listed = SyncWait(store().mailboxes().List("anna@example.org"));
    for (const MailboxStatus& status : *listed) names.push_back(status.name);
    return names;
  }
};

TEST_F(FilingDeliveryTest, WithoutRulesAMarkMeansNothing) {
  CreateAccount("anna@example.org");
  EXPECT_EQ(Where(kSpam), "INBOX");
  EXPECT_THAT(Names(), ElementsAre("INBOX"));
}

TEST_F(FilingDeliveryTest, JunkIsMadeWhenItIsFirstNeededAndSubscribedTo) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("\\junk")}), IsOk());
  EXPECT_EQ(Where(kHam), "INBOX");
  EXPECT_THAT(Names(), ElementsAre("INBOX"));
  EXPECT_EQ(Where(kSpam), "Junk");
  EXPECT_EQ(Where(kSpam), "Junk");
  const MailboxStatus junk = Status("anna@example.org", "Junk");
  EXPECT_THAT(junk.special_use, ElementsAre("\\Junk"));
  EXPECT_TRUE(junk.subscribed);
  EXPECT_EQ(junk.message_count, 2u);
  EXPECT_EQ(Uids(Session("anna@example.org")).size(), 1u) << "POP3 sees INBOX alone";
  ExpectClean();
}

TEST_F(FilingDeliveryTest, TheMailboxWithTheUseGoesBeforeTheOneOfTheName) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("\\Junk")}), IsOk());
  Make("Junk");
  EXPECT_EQ(Where(kSpam), "Junk");
  EXPECT_TRUE(Status("anna@example.org", "Junk").special_use.empty()) << "that is its owner's";
  Make("Unerwünscht", {"\\Junk"});
  EXPECT_EQ(Where(kSpam), "Unerwünscht");
  ExpectClean();
}

TEST_F(FilingDeliveryTest, ANamedMailboxIsMadeWithWhatIsAboveIt) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("Sorted/Spam"), {"List-Id", "", true, "Lists"}}),
              IsOk());
  EXPECT_EQ(Where(kSpam), "Sorted/Spam");
  EXPECT_EQ(Where("List-Id: <a.b>\r\n\r\n"), "Lists");
  EXPECT_THAT(Names(), ElementsAre("INBOX", "Lists", "Sorted", "Sorted/Spam"));
  ExpectClean();
}

TEST_F(FilingDeliveryTest, TheFirstRuleThatAppliesDecides) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{{"X-Trusted", "yes", false, "inbox"}, SpamTo("\\Junk")}),
              IsOk());
  EXPECT_EQ(Where(kSpam), "Junk");
  EXPECT_EQ(Where(absl::StrCat("X-Trusted: yes\r\n", kSpam)), "INBOX");
  EXPECT_EQ(Where(absl::StrCat(
                "X-Spam-Flag: YES\r\nX-Trusted: yes\r\n\r\nX-Spam-Flag: in the body\r\n")),
            "INBOX");
}

TEST_F(FilingDeliveryTest, ARuleGoesBeforeTheDetail) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("\\Junk")}), IsOk());
  Make("Lists");
  EXPECT_EQ(Where(kHam, "anna+Lists@example.org"), "Lists");
  EXPECT_EQ(Where(kSpam, "anna+Lists@example.org"), "Junk");
}

TEST_F(FilingDeliveryTest, AnAccountsOwnRulesReplaceItsDomains) {
  CreateAccount("anna@example.org");
  CreateAccount("bert@example.org");
  CreateAccount("carl@elsewhere.example");
  ASSERT_THAT(SetDomain(FilingRules{SpamTo("\\Junk")}, "Example.ORG"), IsOk());
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("Mine")}), IsOk());
  EXPECT_EQ(Where(kSpam), "Mine");
  EXPECT_EQ(Where(kSpam, "bert@example.org"), "Junk");
  EXPECT_EQ(Where(kSpam, "carl@elsewhere.example"), "INBOX");
  ASSERT_THAT(SetOwn(FilingRules{}), IsOk());
  Crash();
  EXPECT_EQ(Where(kSpam), "INBOX") << "no rules of its own are rules";
  EXPECT_EQ(Where(kSpam, "bert@example.org"), "Junk");
  AccountInfo info = *SyncWait(store().accounts().Get("anna@example.org"));
  EXPECT_EQ(info.filing_rules, FilingRules{});
  EXPECT_TRUE(info.effective_filing_rules.empty());
  ASSERT_THAT(SetOwn(std::nullopt), IsOk());
  EXPECT_EQ(Where(kSpam), "Junk");
  info = *SyncWait(store().accounts().Get("anna@example.org"));
  EXPECT_EQ(info.filing_rules, std::nullopt);
  EXPECT_EQ(info.effective_filing_rules, FilingRules{SpamTo("\\Junk")});
  ASSERT_THAT(SetDomain(std::nullopt), IsOk());
  EXPECT_EQ(Where(kSpam), "INBOX");
  ExpectClean();
}

TEST_F(FilingDeliveryTest, AnAccountThatIsRenamedHasItsNewDomainsRules) {
  CreateAccount("anna@elsewhere.example");
  ASSERT_THAT(SetDomain(FilingRules{SpamTo("\\Junk")}), IsOk());
  ASSERT_THAT(
      SyncWait(store().accounts().Rename("anna@elsewhere.example", "anna@example.org", false))
          .status(),
      IsOk());
  EXPECT_EQ(Where(kSpam), "Junk");
}

TEST_F(FilingDeliveryTest, EachRecipientHasItsOwnRules) {
  CreateAccount("anna@example.org");
  CreateAccount("bert@example.org");
  CreateAccount("carl@example.org");
  ASSERT_THAT(SyncWait(store().aliases().AddAlias("team@example.org",
                                                  {"anna@example.org", "carl@example.org"}))
                  .status(),
              IsOk());
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("\\Junk")}), IsOk());
  ASSERT_THAT(SetOwn(FilingRules{{"X-Spam-Flag", "y", true, "Maybe"}}, "bert@example.org"),
              IsOk());
  const auto results =
      DeliverTo({"bert@example.org", "team@example.org", "anna@example.org"}, kSpam, "queue-1");
  EXPECT_EQ(results[0].mailbox_name, "Maybe");
  EXPECT_EQ(results[1].mailbox_name, "Junk") << "the first of them";
  EXPECT_EQ(results[2].mailbox_name, "Junk");
  EXPECT_EQ(Status("anna@example.org", "Junk").message_count, 2u);
  EXPECT_EQ(Status("carl@example.org").message_count, 1u);
  EXPECT_EQ(BodyCount(), 1u);
  ExpectClean();
}

TEST_F(FilingDeliveryTest, ARetryIsRecognisedWhereTheFirstWasFiled) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("\\Junk")}), IsOk());
  const RecipientResult first = Deliver("anna@example.org", kSpam, "queue-1");
  Crash();
  const RecipientResult again = Deliver("anna@example.org", kSpam, "queue-1");
  EXPECT_EQ(again.mailbox_name, "Junk");
  EXPECT_EQ(again.mailbox, first.mailbox);
  EXPECT_EQ(again.uid, first.uid);
  EXPECT_EQ(Status("anna@example.org", "Junk").message_count, 1u);
}

TEST_F(FilingDeliveryTest, AMessageOfManyPiecesIsLookedAtAsAWhole) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("\\Junk")}), IsOk());
  std::string message = absl::StrCat("Subject: ", std::string(200'000, 'x'), "\n", kSpam);
  message += std::string(200'000, 'y');
  Envelope envelope;
  envelope.recipients = {"anna@example.org"};
  envelope.smtputf8 = true;
  EXPECT_EQ(DeliverWith(envelope, message, 7'001).at(0).mailbox_name, "Junk");
  ExpectClean();
}

TEST_F(FilingDeliveryTest, TwoDeliveriesAtOnceMakeOneMailbox) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("\\Junk")}), IsOk());
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> first(DeliverTask(kSpam, {"anna@example.org"}));
  Started<std::vector<RecipientResult>> second(DeliverTask(kSpam, {"anna@example.org"}));
  engine().ReleaseCommits();
  EXPECT_EQ(first.Get().at(0).mailbox_name, "Junk");
  EXPECT_EQ(second.Get().at(0).mailbox_name, "Junk");
  EXPECT_THAT(Names(), ElementsAre("INBOX", "Junk"));
  EXPECT_EQ(Status("anna@example.org", "Junk").message_count, 2u);
  ExpectClean();
}

TEST_F(FilingDeliveryTest, AStoreThatFailsToMakeTheMailboxIsAskedAgainLater) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{SpamTo("\\Junk")}), IsOk());
  engine().FailNext(MemoryEngine::Call::kCommit, absl::UnavailableError("disk"));
  EXPECT_THAT(Deliver("anna@example.org", kSpam).status,
              HasReason(v1::ERROR_REASON_STORE_FAILURE));
  EXPECT_EQ(Where(kSpam), "Junk");
  EXPECT_EQ(Status("anna@example.org").message_count, 0u);
}

TEST_F(FilingDeliveryTest, RulesThatCanNotBeAreRefusedAndNamed) {
  CreateAccount("anna@example.org");
  const std::pair<FilingRule, const char*> wrong[] = {
      {{"", "x", false, "Junk"}, "rule 2: field"},
      {{"X Spam", "x", false, "Junk"}, "rule 2: field"},
      {{"X-Spam:", "x", false, "Junk"}, "rule 2: field"},
      {{"X-Späm", "x", false, "Junk"}, "rule 2: field"},
      {{"X", std::string(201, 'x'), false, "Junk"}, "rule 2: value: 201 octets"},
      {{"X", "a\nb", false, "Junk"}, "rule 2: value: it has control"},
      {{"X", "x", false, ""}, "rule 2: mailbox: it is empty"},
      {{"X", "x", false, "\\Sent"}, "only \\Junk"},
      {{"X", "x", false, "a//b"}, "empty level"}};
  for (const auto& [rule, why] : wrong) {
    for (const absl::Status& status : {SetOwn(FilingRules{SpamTo("Junk"), rule}),
                                       SetDomain(FilingRules{SpamTo("Junk"), rule})}) {
      EXPECT_THAT(status, HasReason(v1::ERROR_REASON_INVALID_REQUEST));
      EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    }
  }
  EXPECT_THAT(SetOwn(FilingRules(9, SpamTo("Junk"))),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(SetOwn(FilingRules(8, SpamTo("Junk"))), IsOk());
  EXPECT_THAT(SetDomain(FilingRules{}, "not a domain"),
              HasReason(v1::ERROR_REASON_BAD_ADDRESS));
  EXPECT_TRUE(Domains().empty());
}

TEST_F(FilingDeliveryTest, RulesAreKeptInOneForm) {
  CreateAccount("anna@example.org");
  ASSERT_THAT(SetOwn(FilingRules{{"X-Spam", " yes ", false, "inBox/Spam"}}), IsOk());
  EXPECT_EQ(SyncWait(store().accounts().Get("anna@example.org"))->filing_rules,
            (FilingRules{{"X-Spam", "yes", false, "INBOX/Spam"}}));
}

TEST_F(FilingDeliveryTest, DomainsAreListedUntilTheirRulesAreTakenAway) {
  ASSERT_THAT(SetDomain(FilingRules{SpamTo("\\Junk")}, "b.example"), IsOk());
  ASSERT_THAT(SetDomain(FilingRules{SpamTo("Spam")}, "a.example"), IsOk());
  Crash();
  const std::vector<DomainFiling> domains = Domains();
  ASSERT_EQ(domains.size(), 2u);
  EXPECT_EQ(domains[0].domain, "a.example");
  EXPECT_EQ(domains[1].rules, FilingRules{SpamTo("\\Junk")});
  EXPECT_EQ(Domains("B.example").size(), 1u);
  ASSERT_THAT(SetDomain(FilingRules{}, "a.example"), IsOk());
  ASSERT_THAT(SetDomain(std::nullopt, "b.example"), IsOk());
  Crash();
  EXPECT_TRUE(Domains().empty());
}

}  // namespace
}  // namespace restante::store
