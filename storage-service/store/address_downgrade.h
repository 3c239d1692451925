// Lists of addresses in ASCII; a part of field_downgrade.h.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace restante::store {

// The field `name` with the list `text` (unfolded). Nothing: it can't be understood
// as a list of addresses.
std::optional<std::string> DowngradeAddresses(absl::string_view name, absl::string_view text);

// A domain's A-labels; nothing if it has none, or isn't ASCII then either.
std::optional<std::string> AsciiDomain(absl::string_view domain);

}  // namespace restante::store
