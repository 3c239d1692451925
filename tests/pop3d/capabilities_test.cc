#include "pop3d/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace restante::pop3 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(CapabilitiesTest, ListsWhatCanBeUsedAndEndsWithADot) {
  std::string reply;
  AppendCapabilities(Settings(), {.stls = true, .passwords = true}, &reply);
  EXPECT_EQ(reply,
            "+OK Capability list follows.\r\n"
            "STLS\r\nUSER\r\nSASL PLAIN\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
            "PIPELINING\r\nEXPIRE NEVER\r\nIMPLEMENTATION Restante\r\n.\r\n");
}

TEST(CapabilitiesTest, LeavesOutStlsAndPasswordsWhereTheyAreRefused) {
  std::string reply;
  AppendCapabilities(Settings(), {}, &reply);
  EXPECT_THAT(reply, Not(HasSubstr("STLS")));
  EXPECT_THAT(reply, Not(HasSubstr("USER")));
  EXPECT_THAT(reply, Not(HasSubstr("SASL")));
}

TEST(CapabilitiesTest, SaysNothingOfTheImplementationWhenToldSo) {
  Settings settings;
  settings.implementation.clear();
  std::string reply;
  AppendCapabilities(settings, {}, &reply);
  EXPECT_THAT(reply, Not(HasSubstr("IMPLEMENTATION")));
}

}  // namespace
}  // namespace restante::pop3
