// One header field in ASCII: what a client that can't take UTF-8 is given in place
// of a field that has it (after RFC 6857):
//
//   - in lists of addresses, display names, comments and group names become
//     encoded-words (RFC 2047), and domains A-labels (IDNA). An address whose local
//     part isn't ASCII can't be written: it becomes an empty group whose name
//     shows it;
//   - parameters of MIME fields become RFC 2231's;
//   - fields that programs read and that have no such form (Message-ID, References,
//     DKIM-Signature, …) are renamed to `Downgraded-` and the name, their text as
//     encoded-words; Received loses its FOR and ID clauses if they aren't ASCII;
//   - every other field is free text: encoded-words;
//   - in what is no field at all, each octet that isn't ASCII becomes a question
//     mark.
//
// What isn't UTF-8 becomes U+FFFD. No line made here has more than 998 octets, and
// one with an encoded-word at most 76. Pure functions.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace restante::store {

// `field` is a whole field with its line ends, the last included, and has an octet
// that isn't ASCII. The result is ASCII, not empty, and ends in CRLF; it begins
// with a dot only if `field` does, and no other line of it does.
std::string DowngradeField(absl::string_view field);

// Each octet that isn't ASCII replaced by a question mark.
void AppendAsciiOnly(absl::string_view octets, std::string& out);

}  // namespace restante::store
