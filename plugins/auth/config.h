// The configuration of restante-authd: defaults, and what its schema can't check.
#pragma once

#include "absl/status/status.h"
#include "plugins/auth/config.pb.h"

namespace restante::auth {

config::AuthdConfig DefaultConfig();

// Touches nothing outside of the message. Errors name the key.
absl::Status CheckConfig(const config::AuthdConfig& config);

}  // namespace restante::auth
