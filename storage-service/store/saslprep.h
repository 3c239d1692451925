// User names and passwords as SASL compares them: SASLprep (RFC 4013), so that the
// same text matches however a client's keyboard has composed it. RFC 6856 asks POP3
// for it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::store {

// The prepared text: in Unicode NFKC, other spaces made U+0020, invisible joiners and
// soft hyphens taken out. Characters that are newer than Unicode 3.2, the one that
// SASLprep knows, stay as they are; its successor allows them as well (RFC 8265).
//
// INVALID_REQUEST: why it can't be prepared, with the character that is to blame: it
// isn't UTF-8, has a control, private or unassigned formatting character, or mixes
// directions of writing in a way that could be taken for another text. `what` names
// the text in that message. Pure.
absl::StatusOr<std::string> SaslPrep(absl::string_view what, absl::string_view text);

// Whether the text has a character that SASLprep prohibits (RFC 4013, section 2.3), or
// isn't UTF-8: no login is with such a name or password (RFC 6856, section 2.2). Pure.
bool HasProhibited(absl::string_view text);

}  // namespace restante::store
