#include "storage-service/store/password_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage-service/store/passwords.h"

namespace restante::store {

PasswordCache::PasswordCache(const Clock* clock, size_t entries, absl::Duration lifetime)
    : clock_(clock), entries_(entries), lifetime_(lifetime) {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) std::abort();
}

PasswordCache::~PasswordCache() { OPENSSL_cleanse(key_.data(), key_.size()); }

PasswordCache::Mac PasswordCache::MacOf(const AccountId& account, uint64_t generation,
                                        absl::string_view password) const {
  // Account and generation have a fixed length: no two triples look alike.
  std::string message =
      absl::StrCat(account.AsOctets(), absl::Hex(generation, absl::kZeroPad16), password);
  const WipeAtEnd wipe(&message);
  Mac mac{};
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac.data(),
           &length) == nullptr ||
      length != mac.size()) {
    std::abort();
  }
  return mac;
}

bool PasswordCache::Knows(const AccountId& account, uint64_t generation,
                          absl::string_view password) {
  const Mac mac = MacOf(account, generation, password);
  const absl::Time now = clock_->Now();
  absl::MutexLock lock(&mutex_);
  const auto found = by_mac_.find(mac);
  if (found == by_mac_.end()) return false;
  const auto entry = found->second;
  if (entry->expires <= now) {
    by_use_.erase(entry);
    by_mac_.erase(found);
    return false;
  }
  by_use_.splice(by_use_.begin(), by_use_, entry);
  return true;
}

void PasswordCache::Remember(const AccountId& account, uint64_t generation,
                             absl::string_view password) {
  if (entries_ == 0) return;
  const Mac mac = MacOf(account, generation, password);
  const absl::Time expires = clock_->Now() + lifetime_;
  absl::MutexLock lock(&mutex_);
  const auto found = by_mac_.find(mac);
  if (found != by_mac_.end()) {
    found->second->expires = expires;
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return;
  }
  if (by_use_.size() >= entries_) {
    by_mac_.erase(by_use_.back().mac);
    by_use_.pop_back();
  }
  by_use_.push_front(Success{mac, expires});
  by_mac_.emplace(mac, by_use_.begin());
}

size_t PasswordCache::size() const {
  absl::MutexLock lock(&mutex_);
  return by_use_.size();
}

}  // namespace restante::store
