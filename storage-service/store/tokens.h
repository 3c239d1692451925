// Opaque tokens that the service hands out and later recognises as its own: what
// is in them is the caller's, this file only seals and checks. A token isn't
// encrypted: whoever holds it can read the payload, but can't make another.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage-service/store/keyed_mac.h"

namespace restante::store {

// What a token is for. Part of the seal: one kind never passes for another.
enum class TokenKind : uint8_t { kAuth = 1, kSession = 2 };

// Thread-safe.
class TokenSealer {
 public:
  static constexpr size_t kKeyOctets = 32;
  // By how much a token is longer than its payload.
  static constexpr size_t kSealOctets = KeyedMac::kOctets;

  // `key` has exactly kKeyOctets octets; anything else aborts.
  explicit TokenSealer(absl::string_view key);

  std::string Seal(TokenKind kind, absl::string_view payload) const;

  // The payload. BAD_TOKEN: not sealed with this key, for this kind. Says nothing
  // of age: put the time of expiry into the payload.
  absl::StatusOr<std::string> Open(TokenKind kind, absl::string_view token) const;

 private:
  KeyedMac::Mac MacOf(TokenKind kind, absl::string_view payload) const;

  KeyedMac mac_;
};

}  // namespace restante::store
