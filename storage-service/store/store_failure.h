// How an engine's failure is told to whoever asked the store: with a reason, so
// that mail clients are told to come back later.
#pragma once

#include "absl/status/status.h"
#include "common/errors.h"

namespace restante::store {

// STORE_FAILURE, if the error carries no reason of its own.
inline absl::Status WithReason(const absl::Status& status) {
  if (status.ok() || ReasonOf(status) != v1::ERROR_REASON_UNSPECIFIED) return status;
  return MakeError(v1::ERROR_REASON_STORE_FAILURE, status.ToString());
}

}  // namespace restante::store
