#include "plugins/lmtpd/config.h"

#include <gtest/gtest.h>

#include <string>

#include "common/config.h"

namespace restante::lmtp {
namespace {

TEST(LmtpdConfigTest, DefaultsAreValid) {
  EXPECT_TRUE(CheckConfig(DefaultConfig()).ok());
  EXPECT_EQ(SocketMode(DefaultConfig()), 0666u);
}

TEST(LmtpdConfigTest, ReadsAWholeFile) {
  config::LmtpdConfig config = DefaultConfig();
  const absl::Status status = ParseYaml(
      "listen: ['127.0.0.1:0', 'unix:/run/restante/lmtp.sock']\n"
      "unix_socket_mode: '0660'\n"
      "storage: {address: '127.0.0.1:1'}\n"
      "hostname: mx.example.org\n"
      "max_message_octets: 10MiB\n"
      "max_recipients: 100\n"
      "command_timeout: 90s\n"
      "drain_time: 5s\n",
      "lmtpd.yaml", &config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(CheckConfig(config).ok()) << CheckConfig(config);
  EXPECT_EQ(config.max_message_octets(), 10u << 20);
  EXPECT_EQ(SocketMode(config), 0660u);
}

TEST(LmtpdConfigTest, NamesTheKeyThatIsWrong) {
  const struct {
    std::string assignment;
    std::string key;
  } cases[] = {
      {"listen=[]", "listen"},
      {"listen=[nowhere]", "listen"},
      {"unix_socket_mode='9'", "unix_socket_mode"},
      {"unix_socket_mode='1777'", "unix_socket_mode"},
      {"storage.address=''", "storage.address"},
      {"hostname='two words'", "hostname"},
      {"max_message_octets=0", "max_message_octets"},
      {"max_recipients=0", "max_recipients"},
      {"max_recipients=1001", "max_recipients"},
      {"max_connections=0", "max_connections"},
      {"max_bad_commands=0", "max_bad_commands"},
      {"threads=1000", "threads"},
      {"command_timeout=0s", "command_timeout"},
      {"data_timeout=0s", "data_timeout"},
      {"storage_wait=0s", "storage_wait"},
      {"storage_timeout=0s", "storage_timeout"},
      {"drain_time=25h", "drain_time"},
      {"tls_handshake_timeout=0s", "tls_handshake_timeout"},
      {"proxy.networks=[nowhere]", "proxy.networks"},
      {"proxy.listeners=['127.0.0.1:2525']", "proxy.listeners"},
      {"proxy.timeout=0s", "proxy.timeout"},
      {"xclient_networks=['192.0.2.1/24']", "xclient_networks"},
      {"listen_tls=[nowhere]", "listen_tls"},
      {"listen_tls=['127.0.0.1:0']", "tls.certificate_file"},
      {"tls.certificate_file=cert.pem", "tls.key_file"},
      {"tls.client_ca_file=ca.pem", "tls.certificate_file"},
      {"require_tls=true", "require_tls"},
      {"require_client_certificate=true", "require_client_certificate"},
      {"client_certificate_names=[mta]", "client_certificate_names"},
  };
  for (const auto& c : cases) {
    config::LmtpdConfig config = DefaultConfig();
    const absl::Status applied = ApplyOverride(c.assignment, &config);
    ASSERT_TRUE(applied.ok()) << applied;
    const absl::Status status = CheckConfig(config);
    EXPECT_FALSE(status.ok()) << c.assignment;
    EXPECT_NE(status.message().find("'" + c.key + "'"), absl::string_view::npos) << status;
  }
}

TEST(LmtpdConfigTest, ListensForTlsAlone) {
  config::LmtpdConfig config = DefaultConfig();
  const absl::Status status = ParseYaml(
      "listen: []\n"
      "listen_tls: ['*:24']\n"
      "tls: {certificate_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem}\n"
      "require_client_certificate: true\n"
      "client_certificate_names: [mx.example.org]\n",
      "lmtpd.yaml", &config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(CheckConfig(config).ok()) << CheckConfig(config);
}

}  // namespace
}  // namespace restante::lmtp
