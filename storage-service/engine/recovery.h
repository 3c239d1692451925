// Opens a store whose write-ahead log is damaged, and says what that costs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "rocksdb/env.h"
#include "storage-service/engine/engine_options.h"

namespace restante::engine {

struct RecoveryReport {
  struct Dropped {
    std::string file;     // the log, where it was
    uint64_t offset = 0;  // from here on it was dropped
    uint64_t octets = 0;
    std::string why;
    std::string copy;  // the whole log, kept for those who want to look into it
  };
  std::vector<Dropped> dropped;  // empty: nothing was damaged
};

// Leaves the mark that commits may be missing, durably. The directory is there.
absl::Status NoteRecovery(const std::string& path, rocksdb::Env* env);

// Commits that were acknowledged may be missing since a recovery: what they gave out,
// such as UIDs, may be given out again. Known until it is forgotten, also over crashes.
bool WasRecovered(const std::string& path);
absl::Status ForgetRecovery(const std::string& path);

// Brings the store to the last point before the first defect of its log; after
// that, RocksEngine::Open takes it. What it drops may have been acknowledged.
// NOT_FOUND: no store there; otherwise as RocksEngine::Open.
absl::StatusOr<RecoveryReport> RecoverToLastGoodPoint(const std::string& path,
                                                      const EngineOptions& options = {});

}  // namespace restante::engine
