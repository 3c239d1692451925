// `restantectl import`: another server's mail into an account, with what clients know
// of it.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddMailImportCommand(CLI::App* app, Action* action);

}  // namespace restante::ctl
