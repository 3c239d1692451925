// SASL responses: base64 is taken only as RFC 4648 writes it, so encoding what was
// decoded gives the same octets; and what PLAIN is taken for can be written again.
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "pop3d/sasl_base64.h"
#include "pop3d/sasl_plain.h"
#include "tests/fuzz/property.h"

namespace restante::pop3 {
namespace {

void CheckResponse(absl::string_view base64) {
  const std::optional<std::string> octets = DecodeBase64(base64);
  const absl::StatusOr<PlainCredentials> credentials = ParsePlain(base64);
  if (!octets.has_value()) {
    PROPERTY(absl::IsInvalidArgument(credentials.status()));
    return;
  }
  // The last digit may have bits that stand for nothing, so only the length and the
  // octets are sure to come back.
  const std::string encoded = absl::Base64Escape(*octets);
  PROPERTY(encoded.size() == base64.size());
  PROPERTY(DecodeBase64(encoded) == octets);
  if (!credentials.ok()) return;
  PROPERTY(!credentials->user.empty() && !credentials->password.empty());
  const std::string tail =
      absl::StrCat(credentials->user, absl::string_view("\0", 1), credentials->password);
  PROPERTY(*octets == absl::StrCat(absl::string_view("\0", 1), tail) ||
           *octets == absl::StrCat(credentials->user, absl::string_view("\0", 1), tail));
}

}  // namespace
}  // namespace restante::pop3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const restante::fuzz::Input input(data, size);
  const absl::string_view text(input.text().data(), input.text().size());
  restante::pop3::CheckResponse(text);
  // The same octets as a client that knows base64 would send them.
  const std::string encoded = absl::Base64Escape(text);
  PROPERTY(restante::pop3::DecodeBase64(encoded) == std::string(text));
  restante::pop3::CheckResponse(encoded);
  return 0;
}
