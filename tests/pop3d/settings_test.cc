#include "pop3d/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "common/config.h"

namespace restante::pop3 {
namespace {

using ::testing::HasSubstr;

absl::Status Check(const std::string& yaml) {
  config::Pop3dConfig config = DefaultConfig();
  if (absl::Status status = ParseYaml(yaml, "test", &config); !status.ok()) return status;
  return CheckConfig(config);
}

TEST(SettingsTest, HasDefaultsThatPass) { EXPECT_TRUE(CheckConfig(DefaultConfig()).ok()); }

TEST(SettingsTest, TakesNoPasswordsInTheClearByDefault) {
  EXPECT_FALSE(SettingsFrom(DefaultConfig()).allow_cleartext_passwords);
}

TEST(SettingsTest, RefusesAnAutologoutUnderTenMinutes) {
  EXPECT_TRUE(Check("transaction_timeout: 10m").ok());
  const absl::Status status = Check("transaction_timeout: 9m59s");
  EXPECT_THAT(std::string(status.message()), HasSubstr("transaction_timeout"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("10m"));
}

TEST(SettingsTest, NamesTheKeyThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"listen: []", "listen"},
      {"listen: ['mail.example.org:110']", "listen"},
      {"listen: ['unix:/tmp/x']", "listen"},
      {"listen_tls: ['*:995']", "tls.certificate_file"},
      {"tls: {certificate_file: a}", "tls.key_file"},
      {"tls: {key_file: a}", "tls.certificate_file"},
      {"storage: {address: ''}", "storage.address"},
      {"threads: 256", "threads"},
      {"max_failed_logins: 0", "max_failed_logins"},
      {"max_connections: 0", "max_connections"},
      {"max_bad_commands_before_login: 0", "max_bad_commands_before_login"},
      {"max_bad_commands: 0", "max_bad_commands"},
      {"preferred_language: de", "preferred_language"},
      {"preferred_language: '*'", "preferred_language"},
      {"lock_wait: 61s", "lock_wait"},
      {"implementation: \"two\\nlines\"", "implementation"},
      {"keepalive: {probes: 0}", "keepalive.probes"},
      {"keepalive: {interval: 0s}", "keepalive.interval"},
      {"authorization_timeout: 0s", "authorization_timeout"},
      {"failed_login_delay: 2m", "failed_login_delay"},
      {"storage_timeout: 0s", "storage_timeout"},
  };
  for (const auto& [yaml, key] : cases) {
    const absl::Status status = Check(yaml);
    EXPECT_FALSE(status.ok()) << yaml;
    EXPECT_THAT(std::string(status.message()), HasSubstr(key)) << yaml;
  }
}

TEST(SettingsTest, CarriesEveryValueOver) {
  config::Pop3dConfig config = DefaultConfig();
  ASSERT_TRUE(ParseYaml("{allow_cleartext_passwords: true, implementation: '', "
                        "authorization_timeout: 30s, transaction_timeout: 20m, "
                        "failed_login_delay: 250ms, max_failed_logins: 5, max_connections: 7, "
                        "drain_time: 1s, storage_wait: 1s, storage_timeout: 2s, "
                        "lock_wait: 5s, take_over: true, preferred_language: it, "
                        "max_bad_commands_before_login: 3, max_bad_commands: 4, "
                        "keepalive: {idle: 10s, interval: 5s, probes: 2}}",
                        "test", &config)
                  .ok());
  const Settings settings = SettingsFrom(config);
  EXPECT_TRUE(settings.allow_cleartext_passwords);
  EXPECT_EQ(settings.implementation, "");
  EXPECT_EQ(settings.authorization_timeout, std::chrono::seconds(30));
  EXPECT_EQ(settings.transaction_timeout, std::chrono::minutes(20));
  EXPECT_EQ(settings.failed_login_delay, std::chrono::milliseconds(250));
  EXPECT_EQ(settings.max_failed_logins, 5u);
  EXPECT_EQ(settings.max_connections, 7u);
  EXPECT_EQ(settings.drain_time, std::chrono::seconds(1));
  EXPECT_EQ(settings.link.link_wait, std::chrono::seconds(1));
  EXPECT_EQ(settings.link.operation_timeout, std::chrono::seconds(2));
  EXPECT_EQ(settings.lock_wait, std::chrono::seconds(5));
  EXPECT_TRUE(settings.take_over);
  EXPECT_EQ(settings.preferred_language, Language::kItalian);
  EXPECT_EQ(settings.max_bad_commands_before_login, 3u);
  EXPECT_EQ(settings.max_bad_commands, 4u);
  EXPECT_EQ(settings.keepalive.idle, std::chrono::seconds(10));
  EXPECT_EQ(settings.keepalive.interval, std::chrono::seconds(5));
  EXPECT_EQ(settings.keepalive.probes, 2);
}

}  // namespace
}  // namespace restante::pop3
