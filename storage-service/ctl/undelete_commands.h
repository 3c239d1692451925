// `restantectl messages deleted` and `restantectl messages undelete`.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "storage-service/ctl/session.h"

namespace restante::ctl {

// Adds both to the commands about messages.
void AddUndeleteCommands(CLI::App* messages, Action* action);

// A point in time as people type it: "2026-01-31T12:00:00Z" with any offset,
// "2026-01-31 12:00" and "2026-01-31" in UTC, or how long before `now`: "2h".
std::optional<absl::Time> ParseSince(const std::string& text, absl::Time now);

}  // namespace restante::ctl
