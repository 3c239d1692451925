// Whether octets are UTF-8 (RFC 3629). What a client sends as a user name or a
// password is checked before it goes into a message of the contract, whose strings
// can't hold anything else.
#pragma once

#include "absl/strings/string_view.h"

namespace restante::pop3 {

// False for overlong forms, surrogates and anything beyond U+10FFFF.
bool IsUtf8(absl::string_view octets);

}  // namespace restante::pop3
