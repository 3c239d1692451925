// Which RocksDB options this engine sets; docs/storage-format.md says why.
#pragma once

#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "storage-service/engine/engine_options.h"

namespace restante::engine {

// Names of column families, on disk: they never change. RocksDB's own "default"
// has the engine's records.
inline constexpr char kStateFamily[] = "state";
inline constexpr char kMessagesFamily[] = "messages";
inline constexpr char kBodiesFamily[] = "bodies";

rocksdb::DBOptions MakeDatabaseOptions(const EngineOptions& options, rocksdb::Env* env,
                                       rocksdb::WALRecoveryMode recovery);

// In the order default, state, messages, bodies.
std::vector<rocksdb::ColumnFamilyDescriptor> MakeFamilies(const EngineOptions& options);

}  // namespace restante::engine
