// `restantectl aliases …` and `restantectl lookup …`: where addresses lead.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

// Adds the verbs to `app`; the one that is parsed sets *action.
void AddAliasesCommands(CLI::App* app, Action* action);

}  // namespace restante::ctl
