#include "plugins/auth/exchange.h"

#include "absl/status/statusor.h"
#include "pop3d/sasl_base64.h"
#include "pop3d/sasl_plain.h"

namespace restante::auth {

std::optional<Exchange> Exchange::Begin(std::string_view mechanism) {
  if (mechanism == "PLAIN") return Exchange(false);
  if (mechanism == "LOGIN") return Exchange(true);
  return std::nullopt;
}

Exchange::Next Exchange::Respond(const std::optional<std::string>& base64) {
  return login_ ? RespondLogin(base64) : RespondPlain(base64);
}

Exchange::Next Exchange::RespondPlain(const std::optional<std::string>& base64) {
  if (!base64.has_value()) return Next::kChallenge;
  absl::StatusOr<pop3::PlainCredentials> credentials = pop3::ParsePlain(*base64);
  if (absl::IsPermissionDenied(credentials.status())) return Next::kOtherUser;
  if (!credentials.ok()) return Next::kMalformed;
  user_ = std::move(credentials->user);
  password_ = std::move(credentials->password);
  return Next::kComplete;
}

Exchange::Next Exchange::RespondLogin(const std::optional<std::string>& base64) {
  if (!base64.has_value()) {
    challenge_ = "Username:";
    return Next::kChallenge;
  }
  std::optional<std::string> octets = pop3::DecodeBase64(*base64);
  if (!octets.has_value() || octets->empty()) return Next::kMalformed;
  if (user_.empty()) {
    user_ = *std::move(octets);
    challenge_ = "Password:";
    return Next::kChallenge;
  }
  password_ = *std::move(octets);
  return Next::kComplete;
}

}  // namespace restante::auth
