#include "storage-service/store/tokens.h"

#include <openssl/crypto.h>

#include <cstdlib>

#include "common/errors.h"

namespace restante::store {

TokenSealer::TokenSealer(absl::string_view key) : mac_(key) {
  if (key.size() != kKeyOctets) std::abort();
}

KeyedMac::Mac TokenSealer::MacOf(TokenKind kind, absl::string_view payload) const {
  std::string message;
  message.reserve(1 + payload.size());
  message.push_back(static_cast<char>(kind));
  message.append(payload.data(), payload.size());
  return mac_.Of(message);
}

std::string TokenSealer::Seal(TokenKind kind, absl::string_view payload) const {
  const KeyedMac::Mac mac = MacOf(kind, payload);
  std::string token(mac.begin(), mac.end());
  token.append(payload.data(), payload.size());
  return token;
}

absl::StatusOr<std::string> TokenSealer::Open(TokenKind kind, absl::string_view token) const {
  if (token.size() >= kSealOctets) {
    const absl::string_view payload = token.substr(kSealOctets);
    const KeyedMac::Mac mac = MacOf(kind, payload);
    if (CRYPTO_memcmp(mac.data(), token.data(), mac.size()) == 0) return std::string(payload);
  }
  return MakeError(v1::ERROR_REASON_BAD_TOKEN, "the token was not given out by this service");
}

}  // namespace restante::store
