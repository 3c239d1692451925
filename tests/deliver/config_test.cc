#include "plugins/deliver/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"
#include "common/config.h"

namespace restante::deliver {
namespace {

using testing::HasSubstr;

TEST(DeliverConfigTest, DefaultsAreValid) { EXPECT_TRUE(CheckConfig(DefaultConfig()).ok()); }

TEST(DeliverConfigTest, AServerIsAPathOrAHostWithAPort) {
  EXPECT_EQ(ParseServerAddress("unix:/run/lmtp.sock")->unix_path, "/run/lmtp.sock");
  const auto named = ParseServerAddress("restante-lmtpd:24");
  ASSERT_TRUE(named.ok());
  EXPECT_EQ(named->host, "restante-lmtpd");
  EXPECT_EQ(named->port, "24");
  EXPECT_EQ(ParseServerAddress("[::1]:24")->host, "::1");
}

TEST(DeliverConfigTest, WhatIsNoServerIsRefused) {
  for (const std::string text :
       {"", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:+24", ":24",
        "::1:24", "unix:", "a b:24", "[]:24"}) {
    EXPECT_FALSE(ParseServerAddress(text).ok()) << text;
  }
  EXPECT_FALSE(ParseServerAddress("unix:/" + std::string(200, 'x')).ok());
}

TEST(DeliverConfigTest, ErrorsNameTheKey) {
  config::DeliverConfig config = DefaultConfig();
  config.set_lmtp("here");
  EXPECT_THAT(std::string(CheckConfig(config).message()), HasSubstr("key 'lmtp': the port"));
  config = DefaultConfig();
  config.set_hostname("two words");
  EXPECT_THAT(std::string(CheckConfig(config).message()), HasSubstr("key 'hostname'"));
  config = DefaultConfig();
  *config.mutable_reply_timeout() = ToProto(absl::ZeroDuration());
  EXPECT_THAT(std::string(CheckConfig(config).message()), HasSubstr("key 'reply_timeout'"));
  config = DefaultConfig();
  *config.mutable_connect_timeout() = ToProto(absl::Hours(2));
  EXPECT_THAT(std::string(CheckConfig(config).message()), HasSubstr("key 'connect_timeout'"));
}

}  // namespace
}  // namespace restante::deliver
