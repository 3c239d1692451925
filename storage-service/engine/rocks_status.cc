#include "storage-service/engine/rocks_status.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace restante::engine {

absl::Status FromRocks(const rocksdb::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  v1::ErrorReason reason = v1::ERROR_REASON_STORE_FAILURE;
  if (status.IsNoSpace()) {
    reason = v1::ERROR_REASON_STORE_FULL;
  } else if (status.IsCorruption()) {
    reason = v1::ERROR_REASON_CORRUPT;
  }
  return MakeError(reason, absl::StrCat(what, ": ", status.ToString()));
}

}  // namespace restante::engine
