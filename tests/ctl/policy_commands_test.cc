// restantectl policy: what it asks the service for, and what it shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "storage-service/ctl/command_line.h"
#include "tests/ctl/fake_service.h"

namespace restante::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PolicyCommands : public testing::Test {
 protected:
  int Run(const std::string& line) {
    out_.str("");
    err_.str("");
    std::vector<std::string> arguments = absl::StrSplit(line, ' ', absl::SkipEmpty());
    return RunCommandLine(std::move(arguments), service_.address().c_str(), {0, out_, err_});
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  FakeService service_;

 private:
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(PolicyCommands, SetChangesTheFieldsThatAreGivenAndNoOthers) {
  ASSERT_EQ(Run("policy set anna@example.org --deletion move:Old/Mail --expire-retrieved 30d "
                "--login-delay none"),
            0)
      << err();
  EXPECT_THAT(service_.updated.update_mask().paths(),
              ElementsAre("pop3_policy.deletion", "pop3_policy.move_to",
                          "pop3_policy.expire_retrieved", "pop3_policy.login_delay"));
  const v1::Pop3Policy& policy = service_.updated.account().pop3_policy();
  EXPECT_EQ(policy.deletion(), v1::Pop3Policy::DELETION_MOVE);
  EXPECT_EQ(policy.move_to(), "Old/Mail");
  EXPECT_EQ(policy.expire_retrieved().seconds(), 30 * 86'400);
  EXPECT_TRUE(policy.has_login_delay());
  EXPECT_EQ(policy.login_delay().seconds(), 0);
  EXPECT_EQ(out(), "The policy of anna@example.org is set.\n");
}

TEST_F(PolicyCommands, SetWorksOnADomain) {
  ASSERT_EQ(Run("policy set --domain example.org --deletion hide --expire-arrived never"), 0);
  EXPECT_EQ(service_.domain_policy.domain(), "example.org");
  EXPECT_THAT(service_.domain_policy.update_mask().paths(),
              ElementsAre("deletion", "expire_arrived"));
  EXPECT_EQ(service_.domain_policy.policy().deletion(), v1::Pop3Policy::DELETION_HIDE);
}

TEST_F(PolicyCommands, UnsetInheritsSingleFieldsOrAll) {
  ASSERT_EQ(Run("policy unset anna --field login-delay --field deletion"), 0) << err();
  EXPECT_THAT(service_.updated.update_mask().paths(),
              ElementsAre("pop3_policy.login_delay", "pop3_policy.deletion"));
  EXPECT_FALSE(service_.updated.account().pop3_policy().has_login_delay());
  ASSERT_EQ(Run("policy unset --domain example.org"), 0);
  EXPECT_EQ(service_.domain_policy.update_mask().paths_size(), 5);
  EXPECT_EQ(out(), "The policy of example.org is inherited.\n");
}

TEST_F(PolicyCommands, WhatIsWrongIsUsage) {
  const std::pair<const char*, const char*> lines[] = {
      {"policy set anna", "give what to set"},
      {"policy set --deletion hide", "give an ADDRESS or --domain"},
      {"policy set anna --domain b --deletion hide", "give an ADDRESS or --domain"},
      {"policy set anna --deletion burn", "'burn' is none of"},
      {"policy set anna --deletion move:", "'move:' is none of"},
      {"policy set anna --expire-arrived soon", "'soon' is no duration"},
      {"policy unset anna --field colour", "'colour' is none of"}};
  for (const auto& [line, complaint] : lines) {
    EXPECT_EQ(Run(line), 2) << line;
    EXPECT_THAT(err(), HasSubstr(complaint)) << line;
  }
}

TEST_F(PolicyCommands, ShowTellsWhereEachFieldComesFrom) {
  service_.shown.mutable_pop3_policy()->set_deletion(v1::Pop3Policy::DELETION_HIDE);
  v1::Pop3Policy* effective = service_.shown.mutable_effective_pop3_policy();
  effective->set_deletion(v1::Pop3Policy::DELETION_HIDE);
  effective->set_move_to("Trash");
  effective->mutable_expire_retrieved()->set_seconds(86'400 * 30);
  effective->mutable_expire_arrived();
  effective->mutable_login_delay();
  service_.domain_policies.add_domains()
      ->mutable_policy()
      ->mutable_expire_retrieved()
      ->set_seconds(86'400 * 30);
  ASSERT_EQ(Run("policy show anna@example.org"), 0);
  EXPECT_EQ(out(),
            "POLICY                  VALUE  FROM\n"
            "Deletion                hide   account\n"
            "Move to                 Trash  service\n"
            "Expire after retrieval  30d    domain\n"
            "Expire after arrival    never  service\n"
            "Login delay             none   service\n");
  ASSERT_EQ(Run("--json policy show anna@example.org"), 0);
  const auto json = nlohmann::json::parse(out());
  EXPECT_EQ(json["policy"], nlohmann::json::parse(R"({"deletion": "hide"})"));
  EXPECT_EQ(json["effective_policy"]["expire_retrieved"], "30d");
}

TEST_F(PolicyCommands, ShowWithoutAnAccountListsTheDomains) {
  v1::DomainPolicy* domain = service_.domain_policies.add_domains();
  domain->set_domain("example.org");
  domain->mutable_policy()->mutable_login_delay()->set_seconds(90);
  service_.domain_policies.mutable_service_policy()->set_deletion(
      v1::Pop3Policy::DELETION_EXPUNGE);
  ASSERT_EQ(Run("policy show"), 0);
  EXPECT_EQ(out(),
            "DOMAIN       DELETION  MOVE TO  EXPIRE RETRIEVED  EXPIRE ARRIVED  LOGIN DELAY\n"
            "example.org  -         -        -                 -               1m30s\n"
            "(service)    expunge   -        -                 -               -\n");
  ASSERT_EQ(Run("--json policy show --domain example.org"), 0);
  const auto json = nlohmann::json::parse(out());
  EXPECT_EQ(json["domains"][0]["policy"]["login_delay"], "1m30s");
}

TEST_F(PolicyCommands, TheServicesNoIsTold) {
  service_.failure = MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, "there is no account anna");
  EXPECT_EQ(Run("policy set anna --deletion hide"), 1);
  EXPECT_THAT(err(), HasSubstr("there is no account anna"));
}

}  // namespace
}  // namespace restante::ctl
