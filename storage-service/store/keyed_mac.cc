#include "storage-service/store/keyed_mac.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <cstdlib>
#include <string>
#include <utility>

namespace restante::store {

KeyedMac::KeyedMac(absl::string_view key) {
  EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  keyed_.reset(EVP_MAC_CTX_new(hmac));
  EVP_MAC_free(hmac);  // the context has its own reference
  std::string digest = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  if (keyed_ == nullptr ||
      EVP_MAC_init(keyed_.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                   parameters) != 1) {
    std::abort();
  }
}

KeyedMac::~KeyedMac() = default;

KeyedMac::Context KeyedMac::Take() const {
  {
    absl::MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      Context context = std::move(idle_.back());
      idle_.pop_back();
      return context;
    }
  }
  return Context(EVP_MAC_CTX_dup(keyed_.get()));
}

KeyedMac::Mac KeyedMac::Of(absl::string_view message) const {
  Context context = Take();
  Mac mac{};
  size_t length = 0;
  // Without a key, the one that was set before is used again.
  if (context == nullptr || EVP_MAC_init(context.get(), nullptr, 0, nullptr) != 1 ||
      EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(message.data()),
                     message.size()) != 1 ||
      EVP_MAC_final(context.get(), mac.data(), &length, mac.size()) != 1 ||
      length != mac.size()) {
    std::abort();
  }
  absl::MutexLock lock(&mutex_);
  idle_.push_back(std::move(context));
  return mac;
}

}  // namespace restante::store
