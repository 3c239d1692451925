// A store whose service isn't running, opened by restantectl itself.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage-service/store/store.h"

namespace restante::ctl {

// Nothing happens in it but what is asked for: nothing expires, nothing is reclaimed.
// An error is the directory's or the disk's, and names it; a service that runs on it too.
absl::StatusOr<std::unique_ptr<store::Store>> OpenOffline(const std::string& directory);

}  // namespace restante::ctl
