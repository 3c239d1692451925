// The configuration of restante-storage: its defaults, what the schema can't check,
// and what becomes of it.
#pragma once

#include "absl/status/status.h"
#include "storage-service/config.pb.h"
#include "storage-service/engine/engine_options.h"
#include "storage-service/rpc/server.h"
#include "storage-service/store/store.h"

namespace restante {

config::StorageConfig DefaultStorageConfig();

// Touches nothing outside. Errors name the key.
absl::Status CheckStorageConfig(const config::StorageConfig& config);

// Of a configuration that was checked.
engine::EngineOptions EngineOptionsFrom(const config::StorageConfig& config);
store::StoreOptions StoreOptionsFrom(const config::StorageConfig& config);
rpc::ServerOptions ServerOptionsFrom(const config::StorageConfig& config);

}  // namespace restante
