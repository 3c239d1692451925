// `restantectl export`: an account's mail as files.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddMailExportCommand(CLI::App* app, Action* action);

}  // namespace restante::ctl
