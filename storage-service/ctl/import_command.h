// `restantectl accounts import`.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddImportCommand(CLI::App* accounts, Action* action);

}  // namespace restante::ctl
