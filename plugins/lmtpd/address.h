// The paths of MAIL and RCPT (RFC 5321, section 4.1.2; RFC 6531, section 3.3): reads
// `<...>` and checks its syntax. Knows no I/O. Which addresses are the same, and which
// exist, is for the storage service to say: quotes, case and `+detail` stay.
//
// More generous than the grammar where mail in the wild is: dots anywhere in a local
// part, underscores in a domain, a missing domain, any length that fits the line.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace restante::lmtp {

struct Path {
  // As written between the angle brackets, without a source route; empty for `<>`.
  std::string text;
  // Some octet is outside ASCII. The text is valid UTF-8 then.
  bool utf8 = false;
  // The domain is an address literal, such as `[192.0.2.1]`.
  bool literal = false;
};

// Reads a path at the beginning of `input` and sets *length to the octets it takes.
// Nothing if there is none, or its syntax is wrong.
std::optional<Path> ParsePath(std::string_view input, size_t* length);

}  // namespace restante::lmtp
