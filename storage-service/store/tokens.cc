#include "storage-service/store/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>

#include "common/errors.h"

namespace restante::store {

TokenSealer::TokenSealer(absl::string_view key) {
  if (key.size() != kKeyOctets) std::abort();
  std::copy(key.begin(), key.end(), key_.begin());
}

TokenSealer::~TokenSealer() { OPENSSL_cleanse(key_.data(), key_.size()); }

TokenSealer::Mac TokenSealer::MacOf(TokenKind kind, absl::string_view payload) const {
  std::string message;
  message.reserve(1 + payload.size());
  message.push_back(static_cast<char>(kind));
  message.append(payload.data(), payload.size());
  Mac mac{};
  unsigned int length = 0;
  // Fails only when OpenSSL is without SHA-256: then no token may be made at all.
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac.data(),
           &length) == nullptr ||
      length != mac.size()) {
    std::abort();
  }
  return mac;
}

std::string TokenSealer::Seal(TokenKind kind, absl::string_view payload) const {
  const Mac mac = MacOf(kind, payload);
  std::string token(mac.begin(), mac.end());
  token.append(payload.data(), payload.size());
  return token;
}

absl::StatusOr<std::string> TokenSealer::Open(TokenKind kind, absl::string_view token) const {
  if (token.size() >= kSealOctets) {
    const absl::string_view payload = token.substr(kSealOctets);
    const Mac mac = MacOf(kind, payload);
    if (CRYPTO_memcmp(mac.data(), token.data(), mac.size()) == 0) return std::string(payload);
  }
  return MakeError(v1::ERROR_REASON_BAD_TOKEN, "the token was not given out by this service");
}

}  // namespace restante::store
