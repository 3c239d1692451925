// The whole of restante-authd but its command line.
#pragma once

#include "absl/status/status.h"
#include "common/program.h"
#include "plugins/auth/config.pb.h"

namespace restante::auth {

// Returns when the end was wished for, or with the error of an address that can't be
// listened on.
absl::Status Serve(const config::AuthdConfig& config, Termination& termination);

}  // namespace restante::auth
