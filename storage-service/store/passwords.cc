#include "storage-service/store/passwords.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/saslprep.h"

namespace restante::store {
namespace {

absl::Status InvalidPassword(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST, message);
}

// crypt_checksalt looks at the method and its parameters only: with a hash cut
// short it is content, and takes "password" for two characters of DES salt. So the
// rest is looked at here. By crypt(5), what follows the last `$` of a whole hash is
// the digest, always of one length; a setting without its digest has a `$` less.
struct Shape {
  const char* prefix;
  const char* name;
  std::ptrdiff_t dollars;  // at least
  size_t digest;           // characters
};
constexpr Shape kShapes[] = {
    {"$y$", "yescrypt", 4, 43},     {"$gy$", "gost-yescrypt", 4, 43},
    {"$7$", "scrypt", 3, 43},       {"$2", "bcrypt", 3, 53},
    {"$6$", "sha512crypt", 3, 86},  {"$5$", "sha256crypt", 3, 43},
    {"$sha1$", "sha1crypt", 4, 28}, {"$md5", "SunMD5", 3, 22},
    {"$1$", "md5crypt", 3, 22},     {"$3$", "NT", 3, 32},
    {"_", "bsdicrypt", 0, 20},      {"", "descrypt", 0, 13},
};

const Shape& ShapeOf(absl::string_view hash) {
  for (const Shape& shape : kShapes) {
    if (absl::StartsWith(hash, shape.prefix)) return shape;
  }
  return *std::rbegin(kShapes);
}

bool IsWhole(absl::string_view hash, const Shape& shape) {
  const bool printable = std::all_of(hash.begin(), hash.end(), absl::ascii_isgraph);
  // The digest is the whole of a hash that has no `$`.
  const absl::string_view digest = hash.substr(hash.rfind('$') + 1);
  const bool base64 = std::all_of(
      digest.begin() + (shape.prefix[0] == '_' ? 1 : 0), digest.end(),
      [](unsigned char c) { return absl::ascii_isalnum(c) || c == '.' || c == '/'; });
  return printable && base64 && digest.size() == shape.digest &&
         std::count(hash.begin(), hash.end(), '$') >= shape.dollars;
}

// crypt_data is 32 KiB and holds what the password left in it.
struct WipeAndDelete {
  void operator()(crypt_data* data) const {
    OPENSSL_cleanse(data, sizeof(*data));
    delete data;
  }
};
using CryptData = std::unique_ptr<crypt_data, WipeAndDelete>;

// What is given to libcrypt in a password's place.
std::string Phrase(const std::string& password) {
  if (password.size() < CRYPT_MAX_PASSPHRASE_SIZE) return password;
  std::array<unsigned char, SHA512_DIGEST_LENGTH> digest;
  SHA512(reinterpret_cast<const unsigned char*>(password.data()), password.size(),
         digest.data());
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

class CryptHasher : public PasswordHasher {
 public:
  absl::StatusOr<std::string> Hash(const std::string& password) const override {
    const std::unique_ptr<char, decltype(&std::free)> setting(
        crypt_gensalt_ra("$y$", 0, nullptr, 0), &std::free);
    if (setting == nullptr) {
      return absl::InternalError(absl::StrCat("libcrypt makes no salt: ", strerror(errno)));
    }
    std::string phrase = Phrase(password);
    const WipeAtEnd wipe(&phrase);
    const CryptData data(new crypt_data());
    const char* hash = crypt_r(phrase.c_str(), setting.get(), data.get());
    if (hash == nullptr || hash[0] == '*') {
      return absl::InternalError(absl::StrCat("libcrypt makes no hash: ", strerror(errno)));
    }
    return std::string(hash);
  }

  bool Verify(const std::string& password, const std::string& hash) const override {
    std::string phrase = Phrase(password);
    const WipeAtEnd wipe(&phrase);
    const CryptData data(new crypt_data());
    const char* computed = crypt_r(phrase.c_str(), hash.c_str(), data.get());
    // A failure token begins with an asterisk, which no hash does.
    if (computed == nullptr || computed[0] == '*') return false;
    return std::strlen(computed) == hash.size() &&
           CRYPTO_memcmp(computed, hash.data(), hash.size()) == 0;
  }
};

}  // namespace

absl::Status CheckPassword(absl::string_view password) {
  if (password.empty()) return InvalidPassword("the password is empty");
  if (password.size() > kMaxPasswordOctets) {
    return InvalidPassword(
        absl::StrCat("the password is longer than ", kMaxPasswordOctets, " octets"));
  }
  if (password.find_first_of(absl::string_view("\0\r\n", 3)) != absl::string_view::npos) {
    return InvalidPassword("the password contains NUL, CR or LF");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> PreparePassword(absl::string_view password) {
  if (absl::Status status = CheckPassword(password); !status.ok()) return status;
  absl::StatusOr<std::string> prepared = SaslPrep("password", password);
  if (!prepared.ok()) return prepared.status();
  if (absl::Status status = CheckPassword(*prepared); !status.ok()) {
    Wipe(&*prepared);
    return status;
  }
  return prepared;
}

std::vector<std::string> PasswordForms(absl::string_view password) {
  std::vector<std::string> forms;
  if (HasProhibited(password)) return forms;
  absl::StatusOr<std::string> prepared = PreparePassword(password);
  const bool same = prepared.ok() && *prepared == password;
  if (prepared.ok()) forms.push_back(*std::move(prepared));
  if (!same) forms.emplace_back(password);
  return forms;
}

absl::Status CheckCryptHash(absl::string_view hash) {
  if (hash.empty()) return InvalidPassword("the password hash is empty");
  if (hash[0] == '!' || hash[0] == '*') {
    return InvalidPassword(
        "the password hash is locked (it begins with ! or *): no password matches it");
  }
  if (hash[0] == '{') {
    return InvalidPassword(
        "the password hash has a {SCHEME} prefix: it must be the crypt(5) string alone");
  }
  const std::string text(hash);
  if (hash.size() >= CRYPT_OUTPUT_SIZE || text.find('\0') != std::string::npos) {
    return InvalidPassword("the password hash is no crypt(5) string");
  }
  const int verdict = crypt_checksalt(text.c_str());
  if (verdict == CRYPT_SALT_INVALID || verdict == CRYPT_SALT_METHOD_DISABLED) {
    return InvalidPassword(
        "the password hash is of a method that this system's libcrypt can't verify");
  }
  const Shape& shape = ShapeOf(hash);
  if (!IsWhole(hash, shape)) {
    return InvalidPassword(absl::StrCat("the password hash isn't a whole ", shape.name,
                                        " hash: a part of it is missing or there is too much"));
  }
  return absl::OkStatus();
}

void Wipe(std::string* secret) {
  // The whole capacity: a string that was moved from keeps a short one's octets.
  secret->resize(secret->capacity());
  OPENSSL_cleanse(secret->data(), secret->size());
  secret->clear();
}

std::unique_ptr<PasswordHasher> NewCryptHasher() { return std::make_unique<CryptHasher>(); }

}  // namespace restante::store
