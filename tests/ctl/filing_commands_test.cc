// restantectl filing: what it asks the service for, and what it shows.
#include "storage-service/ctl/filing_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "storage-service/ctl/command_line.h"
#include "tests/ctl/fake_service.h"

namespace restante::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FilingCommands : public testing::Test {
 protected:
  int Run(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), "filing");
    return RunCommandLine(std::move(arguments), service_.address().c_str(), {0, out_, err_});
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }
  static void AddRule(v1::FilingRules* rules, const std::string& text) {
    *rules->add_rules() = *ParseFilingRule(text);
  }

  FakeService service_;

 private:
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST(ParseFilingRule, TakesAFieldWhatItHoldsAndAMailbox) {
  const auto rule = ParseFilingRule("X-Spam-Flag: YES -> \\Junk");
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->field(), "X-Spam-Flag");
  EXPECT_EQ(rule->match(), v1::FilingRule::MATCH_EQUALS);
  EXPECT_EQ(rule->value(), "YES");
  EXPECT_EQ(rule->mailbox(), "\\Junk");
  EXPECT_EQ(FormatCondition(*rule), "X-Spam-Flag: YES");
  const auto prefix = ParseFilingRule("X-Spam-Level:*****...->Lists/a b");
  ASSERT_TRUE(prefix.ok()) << prefix.status();
  EXPECT_EQ(prefix->match(), v1::FilingRule::MATCH_PREFIX);
  EXPECT_EQ(prefix->value(), "*****");
  EXPECT_EQ(prefix->mailbox(), "Lists/a b");
  EXPECT_EQ(FormatCondition(*prefix), "X-Spam-Level: *****...");
  EXPECT_EQ(ParseFilingRule("List-Id: ... -> Lists")->value(), "");
  EXPECT_EQ(ParseFilingRule("X: a -> b: c -> M")->value(), "a -> b: c");
}

TEST_F(FilingCommands, SetWorksOnAnAccountOrADomain) {
  ASSERT_EQ(Run({"set", "anna@example.org", "--spam", "--rule", "X-Virus: Yes... -> Bad"}), 0)
      << err();
  EXPECT_THAT(service_.updated.update_mask().paths(), ElementsAre("filing_rules"));
  const v1::FilingRules& rules = service_.updated.account().filing_rules();
  ASSERT_EQ(rules.rules_size(), 2);
  EXPECT_EQ(rules.rules(0).field(), "X-Spam-Flag");
  EXPECT_EQ(rules.rules(0).mailbox(), "\\Junk");
  EXPECT_EQ(rules.rules(1).mailbox(), "Bad");
  EXPECT_EQ(out(), "The filing rules of anna@example.org are set.\n");

  ASSERT_EQ(Run({"set", "--domain", "example.org", "--spam"}), 0) << err();
  EXPECT_EQ(service_.domain_filing.domain_filing().domain(), "example.org");
  EXPECT_EQ(service_.domain_filing.domain_filing().rules().rules_size(), 1);
}

TEST_F(FilingCommands, NoneIsAListOfNoRulesAndUnsetIsNoList) {
  ASSERT_EQ(Run({"set", "anna", "--none"}), 0) << err();
  EXPECT_TRUE(service_.updated.account().has_filing_rules());
  EXPECT_EQ(service_.updated.account().filing_rules().rules_size(), 0);
  ASSERT_EQ(Run({"unset", "anna"}), 0) << err();
  EXPECT_THAT(service_.updated.update_mask().paths(), ElementsAre("filing_rules"));
  EXPECT_FALSE(service_.updated.account().has_filing_rules());
  EXPECT_EQ(out(), "The filing rules of anna are its domain's again.\n");
  ASSERT_EQ(Run({"unset", "--domain", "example.org"}), 0) << err();
  EXPECT_FALSE(service_.domain_filing.domain_filing().has_rules());
}

TEST_F(FilingCommands, WhatIsWrongIsUsage) {
  const std::pair<std::vector<std::string>, const char*> lines[] = {
      {{"set", "anna"}, "give what to set"},
      {{"set", "anna", "--spam", "--none"}, "give what to set"},
      {{"set", "--spam"}, "give an ADDRESS or --domain"},
      {{"set", "anna", "--domain", "b", "--spam"}, "give an ADDRESS or --domain"},
      {{"unset"}, "give an ADDRESS or --domain"},
      {{"show", "anna", "--domain", "b"}, "give an ADDRESS or --domain"},
      {{"set", "anna", "--rule", "X-Spam-Flag: YES"}, "says no mailbox"},
      {{"set", "anna", "--rule", "X-Spam-Flag: YES ->"}, "says no mailbox"},
      {{"set", "anna", "--rule", "YES -> Junk"}, "no colon"},
      {{"set", "anna", "--rule", ": YES -> Junk"}, "names no field"}};
  for (const auto& [line, complaint] : lines) {
    EXPECT_EQ(Run(line), 2) << testing::PrintToString(line);
    EXPECT_THAT(err(), HasSubstr(complaint));
  }
}

TEST_F(FilingCommands, ShowTellsTheRulesThatHoldAndWhereTheyComeFrom) {
  AddRule(service_.shown.mutable_effective_filing_rules(), "X-Spam-Flag: YES -> \\Junk");
  ASSERT_EQ(Run({"show", "anna@example.org"}), 0) << err();
  EXPECT_EQ(out(),
            "RULE              MAILBOX  FROM\n"
            "X-Spam-Flag: YES  \\Junk    domain\n");
  ASSERT_EQ(Run({"--json", "show", "anna@example.org"}), 0) << err();
  nlohmann::json json = nlohmann::json::parse(out());
  EXPECT_TRUE(json["filing_rules"].is_null());
  EXPECT_EQ(json["effective_filing_rules"][0]["field"], "X-Spam-Flag");
  *service_.shown.mutable_filing_rules() = service_.shown.effective_filing_rules();
  ASSERT_EQ(Run({"show", "anna@example.org"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("account\n"));

  v1::DomainFiling* domain = service_.filing_of_domains.add_domains();
  domain->set_domain("example.org");
  AddRule(domain->mutable_rules(), "X-Spam-Status: Yes... -> Spam");
  ASSERT_EQ(Run({"show"}), 0) << err();
  EXPECT_EQ(out(),
            "DOMAIN       RULE                   MAILBOX\n"
            "example.org  X-Spam-Status: Yes...  Spam\n");
  ASSERT_EQ(Run({"--json", "show", "--domain", "example.org"}), 0) << err();
  json = nlohmann::json::parse(out());
  EXPECT_EQ(json["domains"][0]["filing_rules"][0]["match"], "prefix");
}

TEST_F(FilingCommands, TheServicesNoIsTold) {
  service_.failure = MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, "there is no account anna");
  EXPECT_EQ(Run({"set", "anna", "--spam"}), 1);
  EXPECT_THAT(err(), HasSubstr("there is no account anna"));
}

}  // namespace
}  // namespace restante::ctl
