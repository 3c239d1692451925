#include "storage-service/store/password_cache.h"

#include <openssl/rand.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage-service/store/passwords.h"

namespace restante::store {
namespace {

// Random octets that are wiped when they are no longer needed.
class RandomKey {
 public:
  RandomKey() : octets_(KeyedMac::kOctets, '\0') {
    auto* const to = reinterpret_cast<unsigned char*>(octets_.data());
    if (RAND_bytes(to, static_cast<int>(octets_.size())) != 1) std::abort();
  }
  ~RandomKey() { Wipe(&octets_); }
  RandomKey(const RandomKey&) = delete;
  RandomKey& operator=(const RandomKey&) = delete;

  absl::string_view octets() const { return octets_; }

 private:
  std::string octets_;
};

}  // namespace

PasswordCache::PasswordCache(const Clock* clock, size_t entries, absl::Duration lifetime)
    : clock_(clock), entries_(entries), lifetime_(lifetime), mac_(RandomKey().octets()) {}

PasswordCache::Mac PasswordCache::MacOf(const AccountId& account, uint64_t generation,
                                        absl::string_view password) const {
  // Account and generation have a fixed length: no two triples look alike.
  std::string message =
      absl::StrCat(account.AsOctets(), absl::Hex(generation, absl::kZeroPad16), password);
  const WipeAtEnd wipe(&message);
  return mac_.Of(message);
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
