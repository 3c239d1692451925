// When a message came, as its header has it; for sources that don't say.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace restante::ctl {

// A date of RFC 5322, section 3.3, comments and old zones included.
std::optional<absl::Time> ParseMessageDate(absl::string_view text);

// The date of the first Received field, which the last server has added, or else that of
// the Date field. `begin`: the message's first octets, with its header as far as possible.
std::optional<absl::Time> ReceivedDate(absl::string_view begin);

}  // namespace restante::ctl
