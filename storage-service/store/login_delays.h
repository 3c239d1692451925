// When each account may log in again (RFC 2449, section 6.5). In memory only: the
// delay spares the service work, and a restart forgets it. One store owns an
// account, so the delay holds for all its front-ends together.
//
// Only accounts whose policy has a delay are here, at most kMostAccounts of them;
// beyond that the one that logged in first is forgotten.
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage-service/store/types.h"

namespace restante::store {

class LoginDelays {
 public:
  static constexpr size_t kMostAccounts = 250'000;

  explicit LoginDelays(size_t most_accounts = kMostAccounts) : most_accounts_(most_accounts) {}

  // LOGIN_DELAY, with the time that is left: less than `delay` has passed since the
  // last login.
  absl::Status Check(const AccountId& account, absl::Duration delay, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // A login has succeeded.
  void Note(const AccountId& account, absl::Duration delay, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Login {
    absl::Time at;
    absl::Time until;  // of no use after that
  };

  const size_t most_accounts_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<AccountId, Login> logins_ ABSL_GUARDED_BY(mutex_);
  // In the order of the logins; one that isn't its account's last has no effect.
  std::deque<std::pair<absl::Time, AccountId>> order_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
