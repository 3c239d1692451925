// The base64 in which SASL responses travel (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace restante::pop3 {

// Nothing if it has other characters, blanks among them, or lacks its padding.
std::optional<std::string> DecodeBase64(absl::string_view base64);

}  // namespace restante::pop3
