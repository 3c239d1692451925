#include "storage-service/ctl/offline_store.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/engine/rocks_engine.h"

namespace restante::ctl {

absl::StatusOr<std::unique_ptr<store::Store>> OpenOffline(const std::string& directory) {
  // An engine would make a store where there is none.
  std::error_code error;
  if (!std::filesystem::exists(directory + "/FORMAT", error)) {
    return RefusedError(absl::StrCat("there is no store in ", directory));
  }
  engine::EngineOptions engine_options;
  engine_options.reserve_octets = 0;
  engine_options.compaction_interval = absl::InfiniteDuration();
  absl::StatusOr<std::unique_ptr<engine::Engine>> engine =
      engine::RocksEngine::Open(directory, engine_options);
  if (!engine.ok()) return RefusedError(engine.status().message());
  store::StoreOptions options;
  options.password_threads = 1;
  options.reclaim_interval = absl::InfiniteDuration();
  absl::StatusOr<std::unique_ptr<store::Store>> store =
      store::Store::Open(*std::move(engine), options);
  if (!store.ok()) return RefusedError(store.status().message());
  return store;
}

}  // namespace restante::ctl
