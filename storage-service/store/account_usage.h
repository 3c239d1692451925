// What an account's mailboxes hold together, commits under way included: quotas are
// exact, whichever mailbox grows. Known only for accounts that somebody has asked
// for; each mailbox reports to its account's usage while there is one.
//
// Thread-safe; never waits.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/store/types.h"

namespace restante::store {

class AccountUsage {
 public:
  // What a mailbox holds from now on.
  void Set(const MailboxId& mailbox, uint64_t octets) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, if all mailboxes together then hold at most so much. False: they would
  // hold more, and nothing has changed. For the plan of the commit that adds the
  // octets; if the commit doesn't come about, the mailbox sets it right again.
  bool SetWithin(uint64_t quota_octets, const MailboxId& mailbox, uint64_t octets)
      ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t total() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether every mailbox of the account has reported once.
  bool complete() const ABSL_LOCKS_EXCLUDED(mutex_);
  void SetComplete() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  bool complete_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t total_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<MailboxId, uint64_t> octets_ ABSL_GUARDED_BY(mutex_);
};

// The usages that somebody holds.
class UsageTable {
 public:
  // Nothing: nobody has asked for it.
  std::shared_ptr<AccountUsage> Find(const AccountId& account) ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<AccountUsage> FindOrMake(const AccountId& account)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<AccountId, std::weak_ptr<AccountUsage>> usages_ ABSL_GUARDED_BY(mutex_);
  size_t made_ ABSL_GUARDED_BY(mutex_) = 0;  // since the last sweep
};

}  // namespace restante::store
