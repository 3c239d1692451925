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

// The first address of each kind, as supervisors ask for it.
std::vector<std::pair<std::string, std::string>> NotedAddresses(
    const std::vector<ListenAddress>& addresses) {
  std::vector<std::pair<std::string, std::string>> noted;
  for (const bool unix : {false, true}) {
    for (const ListenAddress& address : addresses) {
      if (address.IsUnix() != unix) continue;
      noted.emplace_back(unix ? "X_RESTANTE_LMTP_SOCKET" : "X_RESTANTE_LMTP",
                         FormatAddress(address));
      break;
    }
  }
  return noted;
}

absl::Status Serve(const config::LmtpdConfig& config, Termination& termination) {
  NotifyStatus("waiting for the storage service");
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(config, [&config](const std::vector<ListenAddress>& addresses) {
        NotifyReady(NotedAddresses(addresses));
        LogInfo("lmtp", "Ready", {{"storage", config.storage().address()}});
      });
  if (!server.ok()) return server.status();
  for (const ListenAddress& address : (*server)->addresses()) {
    LogInfo("lmtp", "Listening", {{"address", FormatAddress(address)}});
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
