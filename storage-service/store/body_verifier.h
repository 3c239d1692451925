// Checks the body under a row: that it is there, as long as the row says, and
// knows of the row; and on request that its octets are what was measured.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_records.h"

namespace restante::store {

// What is wrong, in words. An error: the engine's.
Task<absl::StatusOr<std::vector<std::string>>> VerifyBody(engine::Engine* engine,
                                                          engine::BodyReference holder,
                                                          StoredRow row, bool read_all);

}  // namespace restante::store
