#include "common/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

namespace restante {
namespace {

bool SetMacKey(EVP_MAC_CTX* mac, const std::array<unsigned char, 32>& key) {
  char digest[] = "SHA256";
  std::array<unsigned char, 32> copy = key;
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, copy.data(), copy.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

}  // namespace

bool TlsTickets::Renew(absl::Time now) {
  if (now - current_.made < kKeyLifetime) return true;
  Key fresh;
  fresh.made = now;
  if (RAND_bytes(fresh.name.data(), static_cast<int>(fresh.name.size())) != 1 ||
      RAND_bytes(fresh.cipher.data(), static_cast<int>(fresh.cipher.size())) != 1 ||
      RAND_bytes(fresh.mac.data(), static_cast<int>(fresh.mac.size())) != 1) {
    return false;
  }
  previous_ = current_;
  current_ = fresh;
  return true;
}

int TlsTickets::Encrypt(SSL* connection, unsigned char name[16], unsigned char* iv,
                        EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  if (SSL_get0_peer_certificate(connection) != nullptr) return 0;
  absl::MutexLock lock(&mutex_);
  if (!Renew(now_())) return -1;
  if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
      EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), current_.cipher.data(), iv, nullptr) !=
          1 ||
      !SetMacKey(mac, current_.mac)) {
    return -1;
  }
  std::copy(current_.name.begin(), current_.name.end(), name);
  return 1;
}

int TlsTickets::Decrypt(const unsigned char name[16], const unsigned char* iv,
                        EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
  absl::MutexLock lock(&mutex_);
  for (const Key* key : {&current_, &previous_}) {
    if (std::memcmp(key->name.data(), name, key->name.size()) != 0) continue;
    const absl::Duration age = now_() - key->made;
    if (age >= 2 * kKeyLifetime) return 0;
    if (EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher.data(), iv, nullptr) != 1 ||
        !SetMacKey(mac, key->mac)) {
      return -1;
    }
    return age < kKeyLifetime ? 1 : 2;
  }
  return 0;
}

}  // namespace restante
