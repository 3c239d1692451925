// Passwords and their hashes: libcrypt's, in the crypt(5) form that passwd files,
// Dovecot and Courier have too.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::store {

inline constexpr size_t kMaxPasswordOctets = 1024;

// Can this be a password? 1 to 1,024 octets, without NUL, CR and LF.
// INVALID_REQUEST.
absl::Status CheckPassword(absl::string_view password);

// What is hashed of a password in clear: the password prepared by SASLprep
// (saslprep.h), if that can be one. INVALID_REQUEST, with what is wrong.
absl::StatusOr<std::string> PreparePassword(absl::string_view password);

// What a password given at a login is compared as, in this order: prepared, and as it
// was typed if that differs or can't be prepared, for a hash that was made elsewhere;
// not at all if it has a character that SASLprep prohibits, whoever made the hash. None
// to two; the same for every account. Only of what CheckPassword accepts.
std::vector<std::string> PasswordForms(absl::string_view password);

// Is this a whole crypt(5) string of a method that this libcrypt verifies? A
// locked password (`!…`, `*`), a setting without its hash, a hash cut short, and
// a password in clear are none. INVALID_REQUEST, with what is wrong.
absl::Status CheckCryptHash(absl::string_view hash);

// Overwrites what a string holds, and empties it.
void Wipe(std::string* secret);

// Wipes a string at the end of a scope.
class WipeAtEnd {
 public:
  explicit WipeAtEnd(std::string* secret) : secret_(secret) {}
  ~WipeAtEnd() { Wipe(secret_); }
  WipeAtEnd(const WipeAtEnd&) = delete;
  WipeAtEnd& operator=(const WipeAtEnd&) = delete;

 private:
  std::string* const secret_;
};

// Each call is one computation of a hash: milliseconds of one core. Thread-safe.
class PasswordHasher {
 public:
  virtual ~PasswordHasher() = default;

  // Of a password that CheckPassword accepts, with fresh salt.
  virtual absl::StatusOr<std::string> Hash(const std::string& password) const = 0;

  // False as well if the hash can't be computed.
  virtual bool Verify(const std::string& password, const std::string& hash) const = 0;
};

// Hashes with yescrypt at libcrypt's own settings; verifies whatever it can. For a
// password longer than the 511 octets that libcrypt takes, its SHA-512 in hexadecimal
// stands; no hash that was made elsewhere can be of such a password.
std::unique_ptr<PasswordHasher> NewCryptHasher();

}  // namespace restante::store
