#include "plugins/auth/config.h"

#include "absl/time/time.h"
#include "common/config.h"
#include "common/server_config.h"

namespace restante::auth {

config::AuthdConfig DefaultConfig() {
  config::AuthdConfig config;
  config.add_listen("unix:/run/restante/auth.sock");
  config.set_unix_socket_mode("0660");
  config.mutable_storage()->set_address("127.0.0.1:9143");
  *config.mutable_failed_login_delay() = ToProto(absl::Seconds(2));
  config.set_max_connections(1000);
  *config.mutable_storage_timeout() = ToProto(absl::Seconds(10));
  return config;
}

absl::Status CheckConfig(const config::AuthdConfig& config) {
  if (config.listen().empty()) return ConfigError("listen", "needs at least one address");
  if (config.storage().address().empty()) {
    return ConfigError("storage.address", "must be HOST:PORT or unix:PATH");
  }
  if (config.max_connections() == 0) {
    return ConfigError("max_connections", "must be at least 1");
  }
  if (FromProto(config.failed_login_delay()) > absl::Minutes(1)) {
    return ConfigError("failed_login_delay", "must be at most 1m");
  }
  absl::Status status = CheckListen("listen", config.listen());
  status.Update(CheckSocketMode("unix_socket_mode", config.unix_socket_mode()));
  status.Update(CheckDuration("storage_timeout", config.storage_timeout()));
  return status;
}

}  // namespace restante::auth
