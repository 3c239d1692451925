// The configuration as sessions use it: checked, with times as times. Its schema
// is config.proto, its manual docs/configuration.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/net.h"
#include "common/network.h"
#include "common/tls.h"
#include "pop3d/config.pb.h"
#include "pop3d/deadlines.h"
#include "pop3d/languages.h"
#include "pop3d/limits.h"
#include "pop3d/line_buffer.h"
#include "pop3d/link_port.h"

namespace restante::pop3 {

struct Keepalive {
  std::chrono::seconds idle{60};
  std::chrono::seconds interval{15};
  int probes = 4;
};

struct ProxySettings {
  // Whose connections begin with a PROXY header. None: nobody's.
  std::vector<Network> networks;
  // Where they do; empty: everywhere.
  std::vector<asio::ip::tcp::endpoint> listeners;
  TimeSpan timeout = std::chrono::seconds(5);
  // A client that speaks TLS to the load balancer counts as one that speaks it here.
  bool trust_tls = false;
};

struct Settings {
  bool allow_cleartext_passwords = false;
  // Empty: CAPA doesn't say.
  std::string implementation = "Restante";
  // What `LANG *` chooses.
  Language preferred_language = Language::kEnglish;
  // UTF8 isn't in CAPA.
  bool hide_utf8 = false;
  // How long a login waits for a maildrop in use, and whether it then takes it over.
  TimeSpan lock_wait{0};
  bool take_over = false;
  TimeSpan authorization_timeout = std::chrono::seconds(60);
  TimeSpan login_timeout = std::chrono::minutes(3);
  TimeSpan tls_handshake_timeout = std::chrono::seconds(30);
  TimeSpan transaction_timeout = std::chrono::minutes(10);
  // 0: none.
  TimeSpan session_timeout{0};
  TimeSpan failed_login_delay = std::chrono::seconds(2);
  uint32_t max_failed_logins = 3;
  // Of commands refused one after the other.
  uint32_t max_bad_commands_before_login = 20;
  uint32_t max_bad_commands = 100;
  uint32_t max_connections = 10'000;
  AddressLimits of_address;
  uint32_t max_sessions_per_user = 20;
  LineLimits lines;
  ProxySettings proxy;
  TimeSpan drain_time = std::chrono::seconds(10);
  Keepalive keepalive;
  LinkOptions link;
};

config::Pop3dConfig DefaultConfig();

// Checks everything that can be checked without touching files or network.
absl::Status CheckConfig(const config::Pop3dConfig& config);

// Of a configuration that CheckConfig accepts.
Settings SettingsFrom(const config::Pop3dConfig& config);
ServerTlsOptions TlsOptionsFrom(const config::Pop3dConfig& config);

}  // namespace restante::pop3
