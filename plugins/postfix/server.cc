#include "plugins/postfix/server.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/config.h"
#include "common/grpc_channel.h"
#include "common/server_config.h"
#include "common/stream_program.h"
#include "plugins/postfix/recipient_watch.h"
#include "plugins/postfix/sessions.h"

namespace restante::postfix {
namespace {

std::chrono::milliseconds InMilliseconds(const google::protobuf::Duration& duration) {
  return absl::ToChronoMilliseconds(FromProto(duration));
}

RecipientCache::Settings CacheSettings(const config::LookupCache& cache) {
  return {.octets = cache.octets(),
          .lifetime = InMilliseconds(cache.lifetime()),
          .missing_lifetime = InMilliseconds(cache.missing_lifetime()),
          .room_lifetime = InMilliseconds(cache.room_lifetime())};
}

PolicySettings PoliciesFrom(const config::MtaLookupConfig& config) {
  PolicySettings settings{.over_quota = config.over_quota()};
  for (const std::string& domain : config.policy_domains()) {
    settings.domains.push_back(absl::AsciiStrToLower(domain));
  }
  return settings;
}

}  // namespace

absl::Status Serve(const config::MtaLookupConfig& config, Termination& termination) {
  const std::shared_ptr<grpc::Channel> channel = OpenChannel(config.storage().address());
  const std::unique_ptr<v1::DeliveryService::Stub> storage =
      v1::DeliveryService::NewStub(channel);
  const PolicySettings policies = PoliciesFrom(config);
  Directory directory(*storage, InMilliseconds(config.storage_timeout()),
                      CacheSettings(config.cache()));
  StreamServer server({.component = "mta-lookup",
                       .unix_mode = ParseSocketMode(config.unix_socket_mode()).value_or(0600),
                       .max_connections = config.max_connections(),
                       .idle_timeout = InMilliseconds(config.idle_timeout())});

  std::vector<std::string> names;
  absl::Status status;
  const auto listen = [&](const auto& addresses, const char* name, StreamServer::Serve serve) {
    for (const std::string& address : addresses) {
      if (status.ok()) status = server.Listen(address, serve);
      if (!status.ok()) return;
      const bool unix = server.addresses().back().IsUnix();
      names.push_back(absl::StrCat("X_RESTANTE_", name, unix ? "_SOCKET" : ""));
    }
  };
  listen(config.listen_socketmap(), "SOCKETMAP",
         [&](StreamConnection& connection) { return ServeSocketmap(connection, directory); });
  listen(config.listen_policy(), "POLICY", [&](StreamConnection& connection) {
    return ServePolicy(connection, directory, policies);
  });
  listen(config.listen_tcp_recipients(), "TCP_RECIPIENTS", [&](StreamConnection& connection) {
    return ServeTcpTable(connection, directory, Map::kRecipients);
  });
  listen(config.listen_tcp_aliases(), "TCP_ALIASES", [&](StreamConnection& connection) {
    return ServeTcpTable(connection, directory, Map::kAliases);
  });
  if (!status.ok()) return status;
  const RecipientWatch watch(*storage, server.executor(),
                             [&directory](const std::vector<std::string>& addresses) {
                               if (addresses.empty()) {
                                 directory.ForgetEverything();
                               } else {
                                 directory.Forget(addresses);
                               }
                             });
  ServeStreams(server, names, "mta-lookup", *channel, termination);
  return absl::OkStatus();
}

}  // namespace restante::postfix
