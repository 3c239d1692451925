// restante-pop3d: serves maildrops over POP3.
#include <malloc.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config.h"
#include "common/grpc_channel.h"
#include "common/log.h"
#include "common/net.h"
#include "common/notify.h"
#include "common/program.h"
#include "common/tls.h"
#include "pop3d/server.h"
#include "pop3d/settings.h"

namespace restante::pop3 {
namespace {

absl::StatusOr<ServerOptions> OptionsFrom(const config::Pop3dConfig& config) {
  ServerOptions options;
  options.settings = SettingsFrom(config);
  options.threads = config.threads();
  for (const std::string& text : config.listen()) {
    options.listen.push_back(ParseListenAddress(text)->tcp);
  }
  for (const std::string& text : config.listen_tls()) {
    options.listen_tls.push_back(ParseListenAddress(text)->tcp);
  }
  if (ServerTlsOptions files = TlsOptionsFrom(config); !files.certificates.empty()) {
    absl::StatusOr<std::unique_ptr<ServerTls>> tls = ServerTls::Create(std::move(files));
    if (!tls.ok()) return tls.status();
    options.tls = *std::move(tls);
    options.tls_reload_interval = FromProto(config.tls().reload_interval());
  } else if (!config.allow_cleartext_passwords()) {
    LogWarning("pop3d",
               "Nobody can log in: no certificate is set, and passwords in the clear "
               "are not allowed");
  }
  options.exchange_channel = OpenChannel(config.storage().address());
  options.body_channel = OpenBodyChannel(config.storage().address());
  return options;
}

void TellReady(const Server& server) {
  std::vector<std::pair<std::string, std::string>> addresses;
  for (const auto& address : server.addresses()) {
    LogInfo("pop3d", "Serving POP3", {{"address", FormatAddress(address)}});
    addresses.emplace_back("X_RESTANTE_POP3", FormatAddress(address));
  }
  for (const auto& address : server.tls_addresses()) {
    LogInfo("pop3d", "Serving POP3 over TLS", {{"address", FormatAddress(address)}});
    addresses.emplace_back("X_RESTANTE_POP3S", FormatAddress(address));
  }
  NotifyReady(addresses);
}

absl::Status Serve(const config::Pop3dConfig& config, Termination& termination) {
  absl::StatusOr<ServerOptions> options = OptionsFrom(config);
  if (!options.ok()) return options.status();
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Create(*std::move(options));
  if (!server.ok()) return server.status();
  NotifyStatus(absl::StrCat("waiting for the storage service at ", config.storage().address()));
  (*server)->Start([&server] { TellReady(**server); });
  termination.OnRequest([&server] {
    NotifyStopping();
    (*server)->Shutdown();
  });
  (*server)->Wait();
  termination.ClearCallback();
  return absl::OkStatus();
}

}  // namespace
}  // namespace restante::pop3

int main(int argc, char** argv) {
  // Bodies pass through the threads of gRPC and through ours: with a heap for each of
  // them, what one has freed is of no use to the next, half as much again for a session
  // that isn't read.
  mallopt(M_ARENA_MAX, 2);
  return restante::RunProgram<restante::config::Pop3dConfig>(
      argc, argv,
      {.name = "restante-pop3d",
       .summary = "Serves the maildrops of a Restante storage service over POP3.",
       .schema = "pop3d/config.proto"},
      restante::pop3::DefaultConfig(), restante::pop3::CheckConfig, restante::pop3::Serve);
}
