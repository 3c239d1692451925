// MIME parameters in ASCII; a part of field_downgrade.h.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace restante::store {

// The field `name` with the value and the parameters in `text` (unfolded):
// parameters that aren't ASCII as RFC 2231 has them, cut into pieces if they are
// long. Nothing: something else isn't ASCII, or can't be understood.
std::optional<std::string> DowngradeParameters(absl::string_view name, absl::string_view text);

}  // namespace restante::store
