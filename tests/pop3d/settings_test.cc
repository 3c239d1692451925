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

TEST(SettingsTest, EndsNoSessionBeforeTenMinutes) {
  EXPECT_TRUE(Check("session_timeout: 0s").ok());
  EXPECT_TRUE(Check("session_timeout: 10m").ok());
  const absl::Status status = Check("session_timeout: 9m59s");
  EXPECT_THAT(std::string(status.message()), HasSubstr("session_timeout"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("10m"));
}

TEST(SettingsTest, AnswersAFailedLoginBeforeTheClientCountsAsSilent) {
  EXPECT_TRUE(Check("{authorization_timeout: 3s, failed_login_delay: 2s}").ok());
  EXPECT_TRUE(Check("{authorization_timeout: 1s, failed_login_delay: 10ms}").ok());
  for (const char* text : {"{authorization_timeout: 2s, failed_login_delay: 2s}",
                           "{authorization_timeout: 2s, failed_login_delay: 1900ms}",
                           "{login_timeout: 2s, failed_login_delay: 2s}"}) {
    EXPECT_THAT(std::string(Check(text).message()), HasSubstr("failed_login_delay")) << text;
  }
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
      {"tls: {certificates: [{certificate_file: a}]}", "tls.certificates[0]"},
      {"tls: {client_ca_file: a}", "tls.certificate_file"},
      {"proxy: {networks: [10.0.0.1/8]}", "proxy.networks"},
      {"proxy: {listeners: ['*:111']}", "proxy.listeners"},
      {"proxy: {timeout: 0s}", "proxy.timeout"},
      {"unlimited_networks: [localhost]", "unlimited_networks"},
      {"max_command_octets: 254", "max_command_octets"},
      {"max_sasl_response_octets: 2MiB", "max_sasl_response_octets"},
      {"login_timeout: 0s", "login_timeout"},
      {"tls_handshake_timeout: 0s", "tls_handshake_timeout"},
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
                        "hide_utf8: true, "
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
  EXPECT_TRUE(settings.hide_utf8);
  EXPECT_EQ(settings.max_bad_commands_before_login, 3u);
  EXPECT_EQ(settings.max_bad_commands, 4u);
  EXPECT_EQ(settings.keepalive.idle, std::chrono::seconds(10));
  EXPECT_EQ(settings.keepalive.interval, std::chrono::seconds(5));
  EXPECT_EQ(settings.keepalive.probes, 2);
}

TEST(SettingsTest, CarriesLimitsAndLoadBalancersOver) {
  config::Pop3dConfig config = DefaultConfig();
  ASSERT_TRUE(ParseYaml("{max_connections_per_address: 1, max_new_connections_per_minute: 2, "
                        "unlimited_networks: [10.0.0.0/8], max_sessions_per_user: 3, "
                        "max_command_octets: 512, max_sasl_response_octets: 4KiB, "
                        "login_timeout: 1m, tls_handshake_timeout: 2s, session_timeout: 1h, "
                        "proxy: {networks: [192.0.2.0/24], listeners: ['*:110'], timeout: 1s, "
                        "trust_tls: true}}",
                        "test", &config)
                  .ok());
  ASSERT_TRUE(CheckConfig(config).ok());
  const Settings settings = SettingsFrom(config);
  EXPECT_EQ(settings.of_address.connections, 1u);
  EXPECT_EQ(settings.of_address.new_connections_per_minute, 2u);
  EXPECT_TRUE(AnyContains(settings.of_address.exempt, asio::ip::make_address("10.1.1.1")));
  EXPECT_EQ(settings.max_sessions_per_user, 3u);
  EXPECT_EQ(settings.lines.command, 512u);
  EXPECT_EQ(settings.lines.sasl_response, 4096u);
  EXPECT_EQ(settings.login_timeout, std::chrono::minutes(1));
  EXPECT_EQ(settings.tls_handshake_timeout, std::chrono::seconds(2));
  EXPECT_EQ(settings.session_timeout, std::chrono::hours(1));
  EXPECT_TRUE(AnyContains(settings.proxy.networks, asio::ip::make_address("192.0.2.9")));
  ASSERT_EQ(settings.proxy.listeners.size(), 1u);
  EXPECT_EQ(settings.proxy.listeners[0].port(), 110);
  EXPECT_EQ(settings.proxy.timeout, std::chrono::seconds(1));
  EXPECT_TRUE(settings.proxy.trust_tls);
}

TEST(SettingsTest, LimitsAddressesButNotThatOfThisMachine) {
  const Settings settings = SettingsFrom(DefaultConfig());
  EXPECT_EQ(settings.of_address.connections, 200u);
  EXPECT_TRUE(AnyContains(settings.of_address.exempt, asio::ip::make_address("127.0.0.1")));
  EXPECT_TRUE(AnyContains(settings.of_address.exempt, asio::ip::make_address("::1")));
  EXPECT_TRUE(settings.proxy.networks.empty());
}

TEST(SettingsTest, TakesCertificatesInTheirOrderTheSinglePairFirst) {
  config::Pop3dConfig config = DefaultConfig();
  ASSERT_TRUE(ParseYaml("tls: {certificate_file: a, key_file: b, client_ca_file: ca, "
                        "certificates: [{certificate_file: c, key_file: d}]}",
                        "test", &config)
                  .ok());
  ASSERT_TRUE(CheckConfig(config).ok());
  const ServerTlsOptions options = TlsOptionsFrom(config);
  ASSERT_EQ(options.certificates.size(), 2u);
  EXPECT_EQ(options.certificates[0].certificate_file, "a");
  EXPECT_EQ(options.certificates[1].key_file, "d");
  EXPECT_EQ(options.client_ca_file, "ca");
  EXPECT_EQ(options.alpn, "pop3");
}

}  // namespace
}  // namespace restante::pop3
