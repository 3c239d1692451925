#include "plugins/postfix/config.h"

#include "absl/time/time.h"
#include "common/config.h"
#include "common/server_config.h"

namespace restante::postfix {

config::MtaLookupConfig DefaultConfig() {
  config::MtaLookupConfig config;
  config.add_listen_socketmap("unix:/run/restante/lookup.sock");
  config.add_listen_policy("unix:/run/restante/policy.sock");
  config.set_unix_socket_mode("0666");
  config.mutable_storage()->set_address("127.0.0.1:9143");
  *config.mutable_storage_timeout() = ToProto(absl::Seconds(5));
  config.set_over_quota(config::OVER_QUOTA_DEFER);
  config::LookupCache& cache = *config.mutable_cache();
  cache.set_octets(uint64_t{32} << 20);
  *cache.mutable_lifetime() = ToProto(absl::Seconds(60));
  *cache.mutable_missing_lifetime() = ToProto(absl::Seconds(10));
  *cache.mutable_room_lifetime() = ToProto(absl::Seconds(5));
  config.set_max_connections(1000);
  *config.mutable_idle_timeout() = ToProto(absl::Minutes(10));
  return config;
}

absl::Status CheckConfig(const config::MtaLookupConfig& config) {
  if (config.listen_socketmap().empty() && config.listen_policy().empty() &&
      config.listen_tcp_recipients().empty() && config.listen_tcp_aliases().empty()) {
    return ConfigError("listen_socketmap", "or another listen_* needs at least one address");
  }
  if (config.storage().address().empty()) {
    return ConfigError("storage.address", "must be HOST:PORT or unix:PATH");
  }
  if (config.max_connections() == 0) {
    return ConfigError("max_connections", "must be at least 1");
  }
  for (const std::string& domain : config.policy_domains()) {
    if (domain.empty() || domain.find('@') != domain.npos) {
      return ConfigError("policy_domains", "must be domains, such as example.org");
    }
  }
  absl::Status status = CheckListen("listen_socketmap", config.listen_socketmap());
  status.Update(CheckListen("listen_policy", config.listen_policy()));
  status.Update(CheckListen("listen_tcp_recipients", config.listen_tcp_recipients()));
  status.Update(CheckListen("listen_tcp_aliases", config.listen_tcp_aliases()));
  status.Update(CheckSocketMode("unix_socket_mode", config.unix_socket_mode()));
  status.Update(CheckDuration("storage_timeout", config.storage_timeout()));
  status.Update(CheckDuration("cache.lifetime", config.cache().lifetime()));
  status.Update(CheckDuration("cache.missing_lifetime", config.cache().missing_lifetime()));
  status.Update(CheckDuration("cache.room_lifetime", config.cache().room_lifetime()));
  status.Update(CheckDuration("idle_timeout", config.idle_timeout()));
  return status;
}

}  // namespace restante::postfix
