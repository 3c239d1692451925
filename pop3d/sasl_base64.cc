#include "pop3d/sasl_base64.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace restante::pop3 {
namespace {

// absl's decoder skips blanks and lets padding be missing; RFC 4648 doesn't.
bool IsStrictBase64(absl::string_view text) {
  if (text.size() % 4 != 0) return false;
  absl::string_view digits = text;
  for (int i = 0; i < 2 && !digits.empty() && digits.back() == '='; ++i) {
    digits.remove_suffix(1);
  }
  return std::all_of(digits.begin(), digits.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '+' || c == '/';
  });
}

}  // namespace

std::optional<std::string> DecodeBase64(absl::string_view base64) {
  std::string octets;
  if (!IsStrictBase64(base64) || !absl::Base64Unescape(base64, &octets)) return std::nullopt;
  return octets;
}

}  // namespace restante::pop3
