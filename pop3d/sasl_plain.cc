#include "pop3d/sasl_plain.h"

#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include <optional>

#include "pop3d/faults.h"
#include "pop3d/sasl_base64.h"

namespace restante::pop3 {
namespace {

// As the storage service compares names, but for other spellings of a domain: whatever
// their case, and in Unicode NFC (RFC 4616, section 2, leaves the rule to the server).
bool IsSameName(absl::string_view one, absl::string_view other) {
  if (one == other) return true;
  const auto octets = [](absl::string_view text) {
    return reinterpret_cast<const uint8_t*>(text.data());
  };
  if (u8_check(octets(one), one.size()) != nullptr ||
      u8_check(octets(other), other.size()) != nullptr) {
    return false;
  }
  int difference = 0;
  return u8_casecmp(octets(one), one.size(), octets(other), other.size(), "", UNINORM_NFC,
                    &difference) == 0 &&
         difference == 0;
}

}  // namespace

absl::StatusOr<PlainCredentials> ParsePlain(absl::string_view base64) {
  const std::optional<std::string> octets = DecodeBase64(base64);
  if (!octets.has_value()) return absl::InvalidArgumentError("the response isn't base64");
  const absl::string_view message = *octets;
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
  if (!authorization.empty() && !IsSameName(authorization, user) &&
      !On(Fault::kActsForAnybody)) {
    return absl::PermissionDeniedError("another authorization identity");
  }
  return PlainCredentials{std::string(user), std::string(password)};
}

}  // namespace restante::pop3
