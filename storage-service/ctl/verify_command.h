// verify: checks every invariant of a store, the running service's or that of a stopped
// one, and repairs it.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddVerifyCommand(CLI::App* app, Action* action);

}  // namespace restante::ctl
