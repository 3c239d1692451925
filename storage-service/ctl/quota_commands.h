// `restantectl accounts quota …` and `restantectl domains …`: how much mail an account may
// have, and a domain's accounts together.
#pragma once

#include <CLI/CLI.hpp>

#include "storage-service/ctl/json.h"
#include "storage-service/ctl/session.h"

namespace restante::ctl {

// Adds the verb to `accounts`; if it is parsed it sets *action.
void AddAccountQuotaCommand(CLI::App* accounts, Action* action);
// Adds the verbs of domains to `app`.
void AddDomainsCommands(CLI::App* app, Action* action);

// "500MB" and the like, "none" for no limit; anything else is a usage error that names
// `what`.
absl::StatusOr<uint64_t> ParseSize(absl::string_view what, const std::string& text);

// For people: "inherited", "none", or the limits.
std::string FormatLimits(const v1::Quota& quota);
// What is set; null: inherited, 0: no limit.
Json ToJson(const v1::Quota& quota);

}  // namespace restante::ctl
