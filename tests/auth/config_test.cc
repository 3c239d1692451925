#include "plugins/auth/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config.h"

namespace restante::auth {
namespace {

TEST(AuthdConfigTest, DefaultsAreValid) { EXPECT_TRUE(CheckConfig(DefaultConfig()).ok()); }

TEST(AuthdConfigTest, ErrorsNameTheKey) {
  struct {
    const char* assignment;
    const char* key;
  } const cases[] = {
      {"listen=[]", "listen"},
      {"listen=[here]", "listen"},
      {"unix_socket_mode='8'", "unix_socket_mode"},
      {"unix_socket_mode='1777'", "unix_socket_mode"},
      {"storage.address=''", "storage.address"},
      {"max_connections=0", "max_connections"},
      {"failed_login_delay=2m", "failed_login_delay"},
      {"storage_timeout=0s", "storage_timeout"},
  };
  for (const auto& one : cases) {
    config::AuthdConfig config = DefaultConfig();
    ASSERT_TRUE(ApplyOverride(one.assignment, &config).ok()) << one.assignment;
    EXPECT_THAT(std::string(CheckConfig(config).message()),
                testing::StartsWith(std::string("key '") + one.key + "'"))
        << one.assignment;
  }
}

}  // namespace
}  // namespace restante::auth
