// The configuration of restante-mta-lookup: defaults, and what its schema can't check.
#pragma once

#include "absl/status/status.h"
#include "plugins/postfix/config.pb.h"

namespace restante::postfix {

config::MtaLookupConfig DefaultConfig();

// Touches nothing outside of the message. Errors name the key.
absl::Status CheckConfig(const config::MtaLookupConfig& config);

}  // namespace restante::postfix
