// xtext (RFC 3461, section 4): how ESMTP parameters carry octets that would end or divide
// them. "+" and two hexadecimal digits stand for an octet; others from "!" to "~" but "+"
// and "=" stand for themselves.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace restante::lmtp {

// The octets that stand in it, control characters included; nothing if it isn't xtext.
// With `utf8`, octets outside ASCII stand for themselves too (RFC 6533, section 3).
std::optional<std::string> DecodeXtext(std::string_view xtext, bool utf8 = false);

}  // namespace restante::lmtp
