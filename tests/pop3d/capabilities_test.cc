#include "pop3d/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace restante::pop3 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CapabilitiesTest : public testing::Test {
 protected:
  std::string Reply(bool stls, bool passwords, bool certificate = false,
                    bool logged_in = false) {
    std::string reply;
    AppendCapabilities(settings_,
                       {.stls = stls,
                        .passwords = passwords,
                        .certificate = certificate,
                        .logged_in = logged_in,
                        .policy = policy_},
                       &reply);
    return reply;
  }

  Settings settings_;
  v1::Pop3Announcement policy_;
};

TEST_F(CapabilitiesTest, ListsWhatCanBeUsedAndEndsWithADot) {
  EXPECT_EQ(Reply(true, true),
            "+OK Capability list follows.\r\n"
            "STLS\r\nUSER\r\nSASL PLAIN\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
            "PIPELINING\r\nUTF8 USER\r\nLANG\r\nEXPIRE NEVER\r\nLOGIN-DELAY 0\r\n"
            "IMPLEMENTATION Restante\r\n.\r\n");
}

TEST_F(CapabilitiesTest, LeavesOutStlsAndPasswordsWhereTheyAreRefused) {
  const std::string reply = Reply(false, false);
  EXPECT_THAT(reply, Not(HasSubstr("STLS")));
  EXPECT_THAT(reply, Not(HasSubstr("\r\nUSER")));
  EXPECT_THAT(reply, Not(HasSubstr("SASL")));
}

TEST_F(CapabilitiesTest, ListsExternalForAClientWithACertificate) {
  EXPECT_THAT(Reply(false, true, true), HasSubstr("\r\nSASL PLAIN EXTERNAL\r\n"));
  EXPECT_THAT(Reply(false, false, true), HasSubstr("\r\nSASL EXTERNAL\r\n"));
}

TEST_F(CapabilitiesTest, TellsThePolicyOfAllWhereAccountsAreAlike) {
  policy_.set_expire_days(60);
  policy_.set_login_delay_seconds(300);
  EXPECT_THAT(Reply(true, true), HasSubstr("\r\nEXPIRE 60\r\nLOGIN-DELAY 300\r\n"));
  policy_.set_expire_days(0);
  EXPECT_THAT(Reply(true, true), HasSubstr("\r\nEXPIRE 0\r\n"));
}

TEST_F(CapabilitiesTest, SaysBeforeLoginThatAccountsDifferAndAfterItDoesNot) {
  policy_.set_expire_days(7);
  policy_.set_expire_differs(true);
  policy_.set_login_delay_seconds(60);
  policy_.set_login_delay_differs(true);
  EXPECT_THAT(Reply(true, true), HasSubstr("\r\nEXPIRE 7 USER\r\nLOGIN-DELAY 60 USER\r\n"));
  EXPECT_THAT(Reply(false, true, false, true), HasSubstr("\r\nEXPIRE 7\r\nLOGIN-DELAY 60\r\n"));
}

TEST_F(CapabilitiesTest, SaysNothingOfTheImplementationWhenToldSo) {
  settings_.implementation.clear();
  EXPECT_THAT(Reply(true, true), Not(HasSubstr("IMPLEMENTATION")));
}

TEST_F(CapabilitiesTest, LeavesOutUtf8WhenToldSo) {
  settings_.hide_utf8 = true;
  EXPECT_THAT(Reply(true, true), HasSubstr("\r\nPIPELINING\r\nLANG\r\n"));
}

}  // namespace
}  // namespace restante::pop3
