// `restantectl filing …`: rules that file mail by its header, of an account or of all of a
// domain.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "restante/v1/types.pb.h"
#include "storage-service/ctl/json.h"
#include "storage-service/ctl/session.h"

namespace restante::ctl {

void AddFilingCommands(CLI::App* app, Action* action);

// A rule as operators write it: "X-Spam-Flag: YES -> \Junk", or with "..." behind a value
// that fields begin with: "X-Spam-Status: Yes... -> Spam". Anything else is a usage error.
absl::StatusOr<v1::FilingRule> ParseFilingRule(absl::string_view text);
// The same without the mailbox.
std::string FormatCondition(const v1::FilingRule& rule);

// The rules, in their order.
Json ToJson(const v1::FilingRules& rules);

}  // namespace restante::ctl
