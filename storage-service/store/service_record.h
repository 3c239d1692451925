// The store's facts about itself: the version of its format, the key that seals
// tokens. Written when a store is first opened.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"

namespace restante::store {

struct ServiceFacts {
  std::string token_key;
};

// FAILED_PRECONDITION: the store has a format that this release doesn't know.
Task<absl::StatusOr<ServiceFacts>> ReadOrMakeServiceRecord(engine::Engine* engine);

}  // namespace restante::store
