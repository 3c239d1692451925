// `restantectl deliver`.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddDeliverCommand(CLI::App* app, Action* action);

}  // namespace restante::ctl
