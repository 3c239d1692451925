#include "plugins/postfix/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config.h"

namespace restante::postfix {
namespace {

TEST(MtaLookupConfigTest, DefaultsAreValid) { EXPECT_TRUE(CheckConfig(DefaultConfig()).ok()); }

TEST(MtaLookupConfigTest, OneProtocolIsEnough) {
  config::MtaLookupConfig config = DefaultConfig();
  config.clear_listen_socketmap();
  EXPECT_TRUE(CheckConfig(config).ok());
  config.clear_listen_policy();
  EXPECT_FALSE(CheckConfig(config).ok());
  config.add_listen_tcp_aliases("127.0.0.1:0");
  EXPECT_TRUE(CheckConfig(config).ok());
}

TEST(MtaLookupConfigTest, ErrorsNameTheKey) {
  struct {
    const char* assignment;
    const char* key;
  } const cases[] = {
      {"listen_socketmap=[here]", "listen_socketmap"},
      {"listen_policy=['::1:25']", "listen_policy"},
      {"listen_tcp_recipients=[here]", "listen_tcp_recipients"},
      {"listen_tcp_aliases=[here]", "listen_tcp_aliases"},
      {"unix_socket_mode='rw'", "unix_socket_mode"},
      {"storage.address=''", "storage.address"},
      {"storage_timeout=0s", "storage_timeout"},
      {"policy_domains=['@example.org']", "policy_domains"},
      {"cache.lifetime=0s", "cache.lifetime"},
      {"cache.missing_lifetime=25h", "cache.missing_lifetime"},
      {"cache.room_lifetime=0s", "cache.room_lifetime"},
      {"max_connections=0", "max_connections"},
      {"idle_timeout=0s", "idle_timeout"},
  };
  for (const auto& one : cases) {
    config::MtaLookupConfig config = DefaultConfig();
    ASSERT_TRUE(ApplyOverride(one.assignment, &config).ok()) << one.assignment;
    EXPECT_THAT(std::string(CheckConfig(config).message()),
                testing::StartsWith(std::string("key '") + one.key + "'"))
        << one.assignment;
  }
}

}  // namespace
}  // namespace restante::postfix
