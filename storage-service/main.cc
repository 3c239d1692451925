// restante-storage: the mail store behind gRPC. Opens the store, serves it, and
// closes it in the reverse order.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "common/net.h"
#include "common/notify.h"
#include "common/program.h"
#include "storage-service/config.h"
#include "storage-service/engine/recovery.h"
#include "storage-service/engine/rocks_engine.h"
#include "storage-service/rpc/server.h"
#include "storage-service/store/store.h"

namespace restante {
namespace {

absl::StatusOr<std::unique_ptr<store::Store>> OpenStore(const config::StorageConfig& config) {
  NotifyStatus("opening the store");
  absl::StatusOr<std::unique_ptr<engine::Engine>> engine =
      engine::RocksEngine::Open(config.data_dir(), EngineOptionsFrom(config));
  if (!engine.ok()) return engine.status();
  store::StoreOptions options = StoreOptionsFrom(config);
  options.renew_uidvalidities = engine::WasRecovered(config.data_dir());
  absl::StatusOr<std::unique_ptr<store::Store>> store =
      store::Store::Open(*std::move(engine), options);
  if (store.ok() && options.renew_uidvalidities) {
    const absl::Status forgotten = engine::ForgetRecovery(config.data_dir());
    if (!forgotten.ok()) return forgotten;
  }
  return store;
}

void TellReady(const rpc::Server& server, const std::string& data_dir) {
  std::vector<std::pair<std::string, std::string>> addresses;
  for (const ListenAddress& address : server.addresses()) {
    LogInfo("storage", "Serving",
            {{"address", FormatAddress(address)}, {"data_dir", data_dir}});
    addresses.emplace_back("X_RESTANTE_GRPC", FormatAddress(address));
  }
  NotifyReady(addresses);
}

absl::Status Serve(const config::StorageConfig& config, Termination& termination) {
  absl::StatusOr<std::unique_ptr<store::Store>> store = OpenStore(config);
  if (!store.ok()) return store.status();
  absl::StatusOr<std::unique_ptr<rpc::Server>> server =
      rpc::Server::Start(**store, ServerOptionsFrom(config));
  if (!server.ok()) return server.status();
  TellReady(**server, config.data_dir());

  termination.Wait();
  NotifyStopping();
  LogInfo("storage", "Ending");
  (*server)->Shutdown(absl::Now() + FromProto(config.drain_time()));
  return absl::OkStatus();
}

}  // namespace
}  // namespace restante

int main(int argc, char** argv) {
  return restante::RunProgram<restante::config::StorageConfig>(
      argc, argv,
      {.name = "restante-storage",
       .summary = "Stores mail and serves it over gRPC.",
       .schema = "storage-service/config.proto"},
      restante::DefaultStorageConfig(), restante::CheckStorageConfig, restante::Serve);
}
