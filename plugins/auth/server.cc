#include "plugins/auth/server.h"

#include <string>
#include <vector>

#include "common/config.h"
#include "common/grpc_channel.h"
#include "common/server_config.h"
#include "common/stream_program.h"
#include "plugins/auth/session.h"

namespace restante::auth {
namespace {

asio::awaitable<void> ServeConnection(StreamConnection& connection,
                                      const SessionSettings& settings,
                                      v1::AuthenticatorService::Stub& storage) {
  Session session(connection, settings, storage);
  co_await session.Run();
}

}  // namespace

absl::Status Serve(const config::AuthdConfig& config, Termination& termination) {
  const std::shared_ptr<grpc::Channel> channel = OpenChannel(config.storage().address());
  const std::unique_ptr<v1::AuthenticatorService::Stub> storage =
      v1::AuthenticatorService::NewStub(channel);
  const SessionSettings settings{
      .failed_login_delay = absl::ToChronoMilliseconds(FromProto(config.failed_login_delay())),
      .storage_timeout = absl::ToChronoMilliseconds(FromProto(config.storage_timeout()))};
  StreamServer server({.component = "auth",
                       .unix_mode = ParseSocketMode(config.unix_socket_mode()).value_or(0600),
                       .max_connections = config.max_connections()});
  std::vector<std::string> names;
  for (const std::string& address : config.listen()) {
    absl::Status status = server.Listen(address, [&](StreamConnection& connection) {
      return ServeConnection(connection, settings, *storage);
    });
    if (!status.ok()) return status;
    names.push_back(server.addresses().back().IsUnix() ? "X_RESTANTE_AUTH_SOCKET"
                                                       : "X_RESTANTE_AUTH");
  }
  ServeStreams(server, names, "auth", *channel, termination);
  return absl::OkStatus();
}

}  // namespace restante::auth
