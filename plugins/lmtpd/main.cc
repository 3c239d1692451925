// restante-lmtpd: takes mail from MTAs over LMTP and brings it to the storage service.
#include <string>
#include <utility>
#include <vector>

#include "common/log.h"
#include "common/notify.h"
#include "common/program.h"
#include "plugins/lmtpd/config.h"
#include "plugins/lmtpd/server.h"

namespace restante::lmtp {
namespace {

using NotedAddresses = std::vector<std::pair<std::string, std::string>>;

// Adds the first address of each kind, as supervisors ask for it.
void Note(const std::vector<ListenAddress>& addresses, const std::string& name,
          NotedAddresses* noted) {
  for (const bool unix : {false, true}) {
    for (const ListenAddress& address : addresses) {
      if (address.IsUnix() != unix) continue;
      noted->emplace_back(unix ? name + "_SOCKET" : name, FormatAddress(address));
      break;
    }
  }
}

absl::Status Serve(const config::LmtpdConfig& config, Termination& termination) {
  NotifyStatus("waiting for the storage service");
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(config, [&config](const std::vector<ListenAddress>& addresses,
                                      const std::vector<ListenAddress>& tls_addresses) {
        NotedAddresses noted;
        Note(addresses, "X_RESTANTE_LMTP", &noted);
        Note(tls_addresses, "X_RESTANTE_LMTPS", &noted);
        NotifyReady(noted);
        LogInfo("lmtp", "Ready", {{"storage", config.storage().address()}});
      });
  if (!server.ok()) return server.status();
  for (const ListenAddress& address : (*server)->addresses()) {
    LogInfo("lmtp", "Listening", {{"address", FormatAddress(address)}});
  }
  for (const ListenAddress& address : (*server)->tls_addresses()) {
    LogInfo("lmtp", "Listening for TLS", {{"address", FormatAddress(address)}});
  }
  termination.Wait();
  (*server)->Stop();
  return absl::OkStatus();
}

}  // namespace
}  // namespace restante::lmtp

int main(int argc, char** argv) {
  return restante::RunProgram<restante::config::LmtpdConfig>(
      argc, argv,
      {.name = "restante-lmtpd",
       .summary = "Takes mail from MTAs over LMTP and brings it to the storage service.",
       .schema = "plugins/lmtpd/config.proto"},
      restante::lmtp::DefaultConfig(), restante::lmtp::CheckConfig, restante::lmtp::Serve);
}
