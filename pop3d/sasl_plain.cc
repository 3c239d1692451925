#include "pop3d/sasl_plain.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "pop3d/faults.h"

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

absl::StatusOr<PlainCredentials> ParsePlain(absl::string_view base64) {
  std::string octets;
  if (!IsStrictBase64(base64) || !absl::Base64Unescape(base64, &octets)) {
    return absl::InvalidArgumentError("the response isn't base64");
  }
  const absl::string_view message = octets;
  const size_t first = message.find('\0');
  const size_t second = first == message.npos ? first : message.find('\0', first + 1);
  if (second == message.npos || message.find('\0', second + 1) != message.npos) {
    return absl::InvalidArgumentError("the response isn't of the form of PLAIN");
  }
  const absl::string_view authorization = message.substr(0, first);
  const absl::string_view user = message.substr(first + 1, second - first - 1);
  const absl::string_view password = message.substr(second + 1);
  if (user.empty() || password.empty()) {
    return absl::InvalidArgumentError("the response isn't of the form of PLAIN");
  }
  if (!authorization.empty() && authorization != user && !On(Fault::kActsForAnybody)) {
    return absl::PermissionDeniedError("another authorization identity");
  }
  return PlainCredentials{std::string(user), std::string(password)};
}

}  // namespace restante::pop3
