// backup and restore: copies of the whole store, and what comes back out of them. Backups
// are made by the running service; reading them, and restoring a whole store, needs none.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddBackupCommands(CLI::App* app, Action* action);

}  // namespace restante::ctl
