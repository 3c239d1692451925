#include "pop3d/settings.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/config.h"
#include "common/server_config.h"

namespace restante::pop3 {
namespace {

TimeSpan ToTimeSpan(const google::protobuf::Duration& duration) {
  return absl::ToChronoNanoseconds(FromProto(duration));
}

absl::Status CheckAddresses(absl::string_view key,
                            const google::protobuf::RepeatedPtrField<std::string>& addresses) {
  for (const std::string& text : addresses) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (!address.ok()) return ConfigError(key, address.status().message());
    if (address->IsUnix())
      return ConfigError(key, absl::StrCat("'", text, "' isn't HOST:PORT"));
  }
  return absl::OkStatus();
}

struct DurationBound {
  absl::string_view key;
  const google::protobuf::Duration& value;
  absl::Duration least;
  absl::Duration most;
};

absl::Status CheckDuration(const DurationBound& bound) {
  const absl::Duration value = FromProto(bound.value);
  if (value >= bound.least && value <= bound.most) return absl::OkStatus();
  return ConfigError(
      bound.key, absl::StrCat("must be between ", absl::FormatDuration(bound.least), " and ",
                              absl::FormatDuration(bound.most)));
}

absl::Status CheckDurations(const config::Pop3dConfig& config) {
  constexpr absl::Duration kDay = absl::Hours(24);
  const DurationBound bounds[] = {
      {"authorization_timeout", config.authorization_timeout(), absl::Seconds(1), kDay},
      // RFC 1939, section 3.
      {"transaction_timeout", config.transaction_timeout(), absl::Minutes(10), kDay},
      {"login_timeout", config.login_timeout(), absl::Seconds(1), kDay},
      {"tls_handshake_timeout", config.tls_handshake_timeout(), absl::Seconds(1), kDay},
      {"failed_login_delay", config.failed_login_delay(), absl::ZeroDuration(),
       absl::Minutes(1)},
      {"drain_time", config.drain_time(), absl::ZeroDuration(), kDay},
      {"lock_wait", config.lock_wait(), absl::ZeroDuration(), absl::Minutes(1)},
      {"storage_wait", config.storage_wait(), absl::ZeroDuration(), absl::Minutes(5)},
      {"storage_timeout", config.storage_timeout(), absl::Milliseconds(100), absl::Minutes(5)},
      {"keepalive.idle", config.keepalive().idle(), absl::ZeroDuration(), kDay},
      {"keepalive.interval", config.keepalive().interval(), absl::Seconds(1), absl::Hours(1)},
  };
  for (const DurationBound& bound : bounds) {
    if (absl::Status status = CheckDuration(bound); !status.ok()) return status;
  }
  const absl::Duration session = FromProto(config.session_timeout());
  if (session != absl::ZeroDuration() && (session < absl::Minutes(10) || session > 30 * kDay)) {
    return ConfigError("session_timeout", "must be 0s for none, or between 10m and 720h");
  }
  // Otherwise the client is taken for silent before it has its answer.
  constexpr absl::Duration kMargin = absl::Milliseconds(500);
  if (FromProto(config.failed_login_delay()) + kMargin >
      std::min(FromProto(config.authorization_timeout()), FromProto(config.login_timeout()))) {
    return ConfigError("failed_login_delay",
                       absl::StrCat("must be shorter than authorization_timeout and "
                                    "login_timeout by at least ",
                                    absl::FormatDuration(kMargin)));
  }
  return absl::OkStatus();
}

absl::Status CheckLines(const config::Pop3dConfig& config) {
  // RFC 2449, section 4.
  if (config.max_command_octets() < kCommandLineOctets || config.max_command_octets() > 4096) {
    return ConfigError("max_command_octets", "must be between 255 and 4096");
  }
  if (config.max_sasl_response_octets() < 1024 ||
      config.max_sasl_response_octets() > 1024 * 1024) {
    return ConfigError("max_sasl_response_octets", "must be between 1KiB and 1MiB");
  }
  return absl::OkStatus();
}

}  // namespace

config::Pop3dConfig DefaultConfig() {
  const Settings settings;
  config::Pop3dConfig config;
  config.add_listen("*:110");
  config.mutable_storage()->set_address("127.0.0.1:9143");
  config.set_implementation(settings.implementation);
  config.set_max_failed_logins(settings.max_failed_logins);
  config.set_max_bad_commands_before_login(settings.max_bad_commands_before_login);
  config.set_max_bad_commands(settings.max_bad_commands);
  config.set_max_connections(settings.max_connections);
  config.set_max_connections_per_address(settings.of_address.connections);
  config.set_max_new_connections_per_minute(settings.of_address.new_connections_per_minute);
  config.add_unlimited_networks("127.0.0.0/8");
  config.add_unlimited_networks("::1/128");
  config.set_max_sessions_per_user(settings.max_sessions_per_user);
  config.set_max_command_octets(static_cast<uint32_t>(settings.lines.command));
  config.set_max_sasl_response_octets(static_cast<uint32_t>(settings.lines.sasl_response));
  config.set_preferred_language(std::string(TagOf(settings.preferred_language)));
  config.set_hide_utf8(settings.hide_utf8);
  const auto set = [](google::protobuf::Duration* duration, TimeSpan value) {
    *duration = ToProto(absl::FromChrono(value));
  };
  set(config.mutable_authorization_timeout(), settings.authorization_timeout);
  set(config.mutable_login_timeout(), settings.login_timeout);
  set(config.mutable_tls_handshake_timeout(), settings.tls_handshake_timeout);
  set(config.mutable_transaction_timeout(), settings.transaction_timeout);
  set(config.mutable_session_timeout(), settings.session_timeout);
  set(config.mutable_proxy()->mutable_timeout(), settings.proxy.timeout);
  set(config.mutable_failed_login_delay(), settings.failed_login_delay);
  set(config.mutable_drain_time(), settings.drain_time);
  set(config.mutable_lock_wait(), settings.lock_wait);
  set(config.mutable_storage_wait(), settings.link.link_wait);
  set(config.mutable_storage_timeout(), settings.link.operation_timeout);
  *config.mutable_tls()->mutable_reload_interval() = ToProto(absl::Seconds(10));
  set(config.mutable_keepalive()->mutable_idle(), settings.keepalive.idle);
  set(config.mutable_keepalive()->mutable_interval(), settings.keepalive.interval);
  config.mutable_keepalive()->set_probes(static_cast<uint32_t>(settings.keepalive.probes));
  return config;
}

absl::Status CheckConfig(const config::Pop3dConfig& config) {
  if (config.listen().empty() && config.listen_tls().empty()) {
    return ConfigError("listen", "is empty, and so is listen_tls; give at least one HOST:PORT");
  }
  if (absl::Status status = CheckAddresses("listen", config.listen()); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckAddresses("listen_tls", config.listen_tls()); !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckTls(config.tls(), !config.listen_tls().empty());
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckProxy(config.proxy(), config.listen(), config.listen_tls());
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckNetworks("unlimited_networks", config.unlimited_networks());
      !status.ok()) {
    return status;
  }
  if (absl::Status status = CheckLines(config); !status.ok()) return status;
  if (config.storage().address().empty()) {
    return ConfigError("storage.address", "is missing; give HOST:PORT or unix:PATH");
  }
  if (config.threads() > 255) return ConfigError("threads", "must be at most 255");
  if (config.max_failed_logins() == 0) {
    return ConfigError("max_failed_logins", "must be at least 1");
  }
  if (config.max_bad_commands_before_login() == 0) {
    return ConfigError("max_bad_commands_before_login", "must be at least 1");
  }
  if (config.max_bad_commands() == 0) {
    return ConfigError("max_bad_commands", "must be at least 1");
  }
  if (!FindLanguage(config.preferred_language(), Language::kDefault).has_value() ||
      config.preferred_language() == "*") {
    return ConfigError("preferred_language", "must be en, it or i-default");
  }
  if (config.max_connections() == 0) {
    return ConfigError("max_connections", "must be at least 1");
  }
  if (config.keepalive().probes() == 0 || config.keepalive().probes() > 100) {
    return ConfigError("keepalive.probes", "must be between 1 and 100");
  }
  const std::string& name = config.implementation();
  const bool printable = std::all_of(name.begin(), name.end(),
                                     [](unsigned char c) { return c >= 0x20 && c <= 0x7E; });
  if (!printable || name.size() > 200) {
    return ConfigError("implementation", "must be at most 200 printable ASCII characters");
  }
  return CheckDurations(config);
}

Settings SettingsFrom(const config::Pop3dConfig& config) {
  Settings settings;
  settings.allow_cleartext_passwords = config.allow_cleartext_passwords();
  settings.implementation = config.implementation();
  settings.authorization_timeout = ToTimeSpan(config.authorization_timeout());
  settings.login_timeout = ToTimeSpan(config.login_timeout());
  settings.tls_handshake_timeout = ToTimeSpan(config.tls_handshake_timeout());
  settings.transaction_timeout = ToTimeSpan(config.transaction_timeout());
  settings.session_timeout = ToTimeSpan(config.session_timeout());
  settings.failed_login_delay = ToTimeSpan(config.failed_login_delay());
  settings.max_failed_logins = config.max_failed_logins();
  settings.max_bad_commands_before_login = config.max_bad_commands_before_login();
  settings.max_bad_commands = config.max_bad_commands();
  settings.max_connections = config.max_connections();
  settings.of_address.connections = config.max_connections_per_address();
  settings.of_address.new_connections_per_minute = config.max_new_connections_per_minute();
  settings.of_address.exempt = ParseNetworks(config.unlimited_networks());
  settings.max_sessions_per_user = config.max_sessions_per_user();
  settings.lines.command = config.max_command_octets();
  settings.lines.sasl_response = config.max_sasl_response_octets();
  settings.proxy.networks = ParseNetworks(config.proxy().networks());
  for (const std::string& text : config.proxy().listeners()) {
    settings.proxy.listeners.push_back(ParseListenAddress(text)->tcp);
  }
  settings.proxy.timeout = ToTimeSpan(config.proxy().timeout());
  settings.proxy.trust_tls = config.proxy().trust_tls();
  settings.preferred_language =
      FindLanguage(config.preferred_language(), settings.preferred_language)
          .value_or(settings.preferred_language);
  settings.hide_utf8 = config.hide_utf8();
  settings.lock_wait = ToTimeSpan(config.lock_wait());
  settings.take_over = config.take_over();
  settings.drain_time = ToTimeSpan(config.drain_time());
  const auto seconds = [](const google::protobuf::Duration& duration) {
    return std::chrono::duration_cast<std::chrono::seconds>(ToTimeSpan(duration));
  };
  settings.keepalive.idle = seconds(config.keepalive().idle());
  settings.keepalive.interval = seconds(config.keepalive().interval());
  settings.keepalive.probes = static_cast<int>(config.keepalive().probes());
  settings.link.link_wait = ToTimeSpan(config.storage_wait());
  settings.link.operation_timeout = ToTimeSpan(config.storage_timeout());
  return settings;
}

ServerTlsOptions TlsOptionsFrom(const config::Pop3dConfig& config) {
  // As registered for ALPN.
  return restante::TlsOptionsFrom(config.tls(), "pop3");
}

}  // namespace restante::pop3
