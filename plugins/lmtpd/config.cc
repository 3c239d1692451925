#include "plugins/lmtpd/config.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/config.h"
#include "common/server_config.h"

namespace restante::lmtp {
namespace {

// From proto/restante/v1/delivery.proto.
constexpr uint32_t kMaxRecipients = 1000;

absl::Status CheckDurations(const config::LmtpdConfig& config) {
  absl::Status status = CheckDuration("command_timeout", config.command_timeout());
  status.Update(CheckDuration("data_timeout", config.data_timeout()));
  status.Update(CheckDuration("storage_wait", config.storage_wait()));
  status.Update(CheckDuration("storage_timeout", config.storage_timeout()));
  status.Update(CheckDuration("drain_time", config.drain_time()));
  status.Update(CheckDuration("tls_handshake_timeout", config.tls_handshake_timeout()));
  return status;
}

absl::Status CheckSecurity(const config::LmtpdConfig& config) {
  absl::Status status = CheckTls(config.tls(), !config.listen_tls().empty());
  if (!status.ok()) return status;
  const bool tls = !TlsOptionsFrom(config.tls(), "").certificates.empty();
  if (config.require_tls() && !tls) {
    return ConfigError("require_tls", "needs tls.certificate_file and tls.key_file");
  }
  if (config.require_client_certificate() && config.tls().client_ca_file().empty()) {
    return ConfigError("require_client_certificate", "needs tls.client_ca_file");
  }
  if (!config.client_certificate_names().empty() && !config.require_client_certificate()) {
    return ConfigError("client_certificate_names",
                       "says nothing without require_client_certificate: true");
  }
  for (const std::string& name : config.client_certificate_names()) {
    if (name.empty()) return ConfigError("client_certificate_names", "has an empty name");
  }
  return absl::OkStatus();
}

}  // namespace

config::LmtpdConfig DefaultConfig() {
  config::LmtpdConfig config;
  config.add_listen("127.0.0.1:24");
  config.set_unix_socket_mode("0666");
  config.mutable_storage()->set_address("127.0.0.1:9143");
  config.set_max_message_octets(uint64_t{256} << 20);
  config.set_max_recipients(kMaxRecipients);
  config.set_max_connections(2000);
  config.set_max_bad_commands(20);
  *config.mutable_command_timeout() = ToProto(absl::Minutes(5));
  *config.mutable_data_timeout() = ToProto(absl::Minutes(3));
  *config.mutable_storage_wait() = ToProto(absl::Seconds(3));
  *config.mutable_storage_timeout() = ToProto(absl::Minutes(2));
  *config.mutable_drain_time() = ToProto(absl::Seconds(10));
  *config.mutable_tls()->mutable_reload_interval() = ToProto(absl::Seconds(10));
  *config.mutable_tls_handshake_timeout() = ToProto(absl::Seconds(30));
  *config.mutable_proxy()->mutable_timeout() = ToProto(absl::Seconds(5));
  return config;
}

absl::Status CheckConfig(const config::LmtpdConfig& config) {
  if (config.listen().empty() && config.listen_tls().empty()) {
    return ConfigError("listen", "needs at least one address, or listen_tls does");
  }
  absl::Status status = CheckListen("listen", config.listen());
  status.Update(CheckListen("listen_tls", config.listen_tls()));
  status.Update(CheckSocketMode("unix_socket_mode", config.unix_socket_mode()));
  status.Update(CheckSecurity(config));
  status.Update(CheckProxy(config.proxy(), config.listen(), config.listen_tls()));
  status.Update(CheckNetworks("xclient_networks", config.xclient_networks()));
  if (!status.ok()) return status;
  if (config.storage().address().empty()) {
    return ConfigError("storage.address", "must be HOST:PORT or unix:PATH");
  }
  for (const char c : config.hostname()) {
    if (c <= 0x20 || c >= 0x7F) {
      return ConfigError("hostname", "must be a host name in its ASCII form");
    }
  }
  if (config.hostname().size() > 255) {
    return ConfigError("hostname", "must have at most 255 octets");
  }
  if (config.max_message_octets() == 0) {
    return ConfigError("max_message_octets", "must be at least 1");
  }
  if (config.max_recipients() == 0 || config.max_recipients() > kMaxRecipients) {
    return ConfigError("max_recipients", absl::StrCat("must be 1 to ", kMaxRecipients));
  }
  if (config.max_connections() == 0)
    return ConfigError("max_connections", "must be at least 1");
  if (config.max_bad_commands() == 0) {
    return ConfigError("max_bad_commands", "must be at least 1");
  }
  if (config.threads() > 256) return ConfigError("threads", "must be at most 256");
  return CheckDurations(config);
}

mode_t SocketMode(const config::LmtpdConfig& config) {
  return ParseSocketMode(config.unix_socket_mode()).value_or(0600);
}

}  // namespace restante::lmtp
