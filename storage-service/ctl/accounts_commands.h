// `restantectl accounts …`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "restante/v1/accounts.pb.h"
#include "storage-service/ctl/session.h"

namespace restante::ctl {

// Adds the verbs to `app`; the one that is parsed sets *action.
void AddAccountsCommands(CLI::App* app, Action* action);

// What the service knows of an account; for commands that show a part of it.
absl::StatusOr<v1::Account> GetAccount(const Session& session, const std::string& address);

}  // namespace restante::ctl
