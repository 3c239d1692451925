// The contract's messages as JSON, for programs: field names as in the contract,
// sizes and counts as numbers, times as RFC 3339.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "restante/v1/accounts.pb.h"
#include "restante/v1/admin.pb.h"
#include "restante/v1/types.pb.h"

namespace restante::ctl {

using Json = nlohmann::ordered_json;

Json ToJson(const v1::Account& account);
Json ToJson(const v1::MailboxStatus& mailbox);
Json ToJson(const v1::MessageRow& row);
Json ToJson(const v1::VerifyFinding& finding);
Json ToJson(const v1::VerifySummary& summary);
Json ToJson(const v1::Backup& backup);

// Indented, with a line break at the end; octets that aren't UTF-8 are replaced.
std::string Dump(const Json& json);

}  // namespace restante::ctl
