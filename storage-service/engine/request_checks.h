// What every engine asks of its arguments before it looks at any data, so that
// a caller's mistake is the same error everywhere: INVALID_ARGUMENT (reason
// INVALID_REQUEST), and nothing was done.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "storage-service/engine/engine.h"

namespace restante::engine {

absl::Status CheckKey(const std::string& key);
absl::Status CheckScan(const ScanRequest& request);
absl::Status CheckCommit(const CommitRequest& request);
absl::Status CheckChunk(size_t octets);
absl::Status CheckRead(size_t length);
absl::Status CheckLimit(size_t limit);

// What a commit holds, in octets: keys and values.
size_t OctetsOf(const CommitRequest& request);

}  // namespace restante::engine
