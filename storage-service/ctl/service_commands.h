// `restantectl verify` and `restantectl stats`.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddServiceCommands(CLI::App* app, Action* action);

}  // namespace restante::ctl
