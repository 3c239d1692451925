// The fields of a policy as operators write and read them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "restante/v1/types.pb.h"
#include "storage-service/ctl/json.h"

namespace restante::ctl {

// A field of restante.v1.Pop3Policy, by the name that it has in an update mask, and
// what it is called in tables.
struct PolicyField {
  const char* name;
  const char* title;
};
const std::vector<PolicyField>& PolicyFields();

// "expunge", "hide", "move" or "move:NAME"; sets `move_to` for the last.
absl::Status ParseDeletion(const std::string& text, v1::Pop3Policy* policy);

// "30d", "12h", …, or `nothing` ("never", "none") for zero.
absl::StatusOr<google::protobuf::Duration> ParsePeriod(absl::string_view option,
                                                       const std::string& text,
                                                       absl::string_view nothing);

// A field's value for people; empty: it is inherited.
std::string FormatField(const v1::Pop3Policy& policy, absl::string_view field);

// All fields that are set.
Json ToJson(const v1::Pop3Policy& policy);

}  // namespace restante::ctl
