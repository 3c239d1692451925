// `restantectl policy …`: what POP3 does with the mail of an account, a domain, or
// all of them.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddPolicyCommands(CLI::App* app, Action* action);

}  // namespace restante::ctl
