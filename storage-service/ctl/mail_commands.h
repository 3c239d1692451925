// `restantectl mailboxes …` and `restantectl messages …`.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddMailCommands(CLI::App* app, Action* action);

}  // namespace restante::ctl
