// Reads header fields back as a mail client would: encoded-words (RFC 2047) to
// UTF-8. Written from the RFC, apart from the code that makes them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace restante::store {

// Of a field with its line ends: what stands behind the colon, unfolded and without
// white space around it.
std::string TextOf(absl::string_view field);

// The text with its encoded-words decoded.
std::string DecodeWords(absl::string_view text);

std::vector<std::string> EncodedWordsOf(absl::string_view text);

// Without CRLF.
size_t LongestLine(absl::string_view lines);

bool IsUtf8(absl::string_view text);

}  // namespace restante::store
