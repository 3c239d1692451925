// The whole of restante-mta-lookup but its command line.
#pragma once

#include "absl/status/status.h"
#include "common/program.h"
#include "plugins/postfix/config.pb.h"

namespace restante::postfix {

// Returns when the end was wished for, or with the error of an address that can't be
// listened on.
absl::Status Serve(const config::MtaLookupConfig& config, Termination& termination);

}  // namespace restante::postfix
