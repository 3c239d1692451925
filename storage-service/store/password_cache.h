// Recent successes of password verification, so that a client that polls every
// minute doesn't cost a key derivation each time.
//
// What is kept is a MAC of account, generation and password under a key that is
// random for each process: neither a password nor anything that could be tried
// against guesses once the process is gone. A change of the account changes its
// generation, and what was remembered is never met again.
#pragma once

#include <cstdint>
#include <list>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/store/keyed_mac.h"
#include "storage-service/store/store.h"
#include "storage-service/store/types.h"

namespace restante::store {

// Thread-safe. Never larger than `entries`: the longest unused goes first.
class PasswordCache {
 public:
  // An entry is good for `lifetime` from when it was remembered, used or not.
  PasswordCache(const Clock* clock, size_t entries, absl::Duration lifetime);
  PasswordCache(const PasswordCache&) = delete;
  PasswordCache& operator=(const PasswordCache&) = delete;

  // Was this password found right for this account as it is now?
  bool Knows(const AccountId& account, uint64_t generation, absl::string_view password);

  // Only for a password that was just found right.
  void Remember(const AccountId& account, uint64_t generation, absl::string_view password);

  size_t size() const;

 private:
  using Mac = KeyedMac::Mac;
  struct Success {
    Mac mac;
    absl::Time expires;
  };
  Mac MacOf(const AccountId& account, uint64_t generation, absl::string_view password) const;

  const Clock* const clock_;
  const size_t entries_;
  const absl::Duration lifetime_;
  const KeyedMac mac_;

  mutable absl::Mutex mutex_;
  std::list<Success> by_use_ ABSL_GUARDED_BY(mutex_);  // the most recent first
  absl::flat_hash_map<Mac, std::list<Success>::iterator> by_mac_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
