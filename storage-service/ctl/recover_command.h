// `restantectl recover`: the one verb that works without the service, on the
// directory of a store that refuses to open.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddRecoverCommand(CLI::App* app, Action* action);

}  // namespace restante::ctl
