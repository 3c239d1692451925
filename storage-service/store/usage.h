// What some mailboxes hold together, those of an account or of all of a domain's
// accounts, with the commits that are under way: quotas are exact, whichever mailbox
// grows. Known only for those that somebody has asked for; each mailbox reports to its
// account's and its domain's usage while there is one.
//
// Thread-safe; never waits.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/store/quota.h"
#include "storage-service/store/types.h"

namespace restante::store {

class Usage {
 public:
  // What a mailbox holds from now on.
  void Set(const MailboxId& mailbox, const Holding& holding) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for a mailbox that hasn't reported yet: what it held on the disk.
  void SetIfUnknown(const MailboxId& mailbox, const Holding& holding)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The mailbox belongs elsewhere from now on.
  void Forget(const MailboxId& mailbox) ABSL_LOCKS_EXCLUDED(mutex_);
  // As Set, if all mailboxes together then keep within the limits. False: they would
  // not, and nothing has changed. For the plan of the commit that adds the mail; if the
  // commit doesn't come about, the mailbox sets it right again.
  bool Claim(const QuotaLimits& limits, const MailboxId& mailbox, const Holding& holding)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether so much more would keep within them now.
  bool HasRoom(const QuotaLimits& limits, const Holding& more) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  Holding total() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether every mailbox has reported once.
  bool complete() const ABSL_LOCKS_EXCLUDED(mutex_);
  void SetComplete() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // All of them, if this one held so much.
  Holding TotalWith(const Holding& known, const Holding& holding) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return {total_.octets - known.octets + holding.octets,
            total_.messages - known.messages + holding.messages};
  }

  mutable absl::Mutex mutex_;
  bool complete_ ABSL_GUARDED_BY(mutex_) = false;
  Holding total_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<MailboxId, Holding> holdings_ ABSL_GUARDED_BY(mutex_);
};

// Accounts' usages that somebody holds, and the usage of its domain for each account
// of a domain that has a quota.
class UsageTable {
 public:
  // Nothing: nobody has asked for it.
  std::shared_ptr<Usage> Find(const AccountId& account) ABSL_LOCKS_EXCLUDED(mutex_);
  std::shared_ptr<Usage> FindOrMake(const AccountId& account) ABSL_LOCKS_EXCLUDED(mutex_);

  // Null: its domain has no quota.
  std::shared_ptr<Usage> DomainOf(const AccountId& account) ABSL_LOCKS_EXCLUDED(mutex_);
  // For mailboxes that are loaded from here on; null: none any more.
  void SetDomainOf(const AccountId& account, std::shared_ptr<Usage> domain)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<AccountId, std::weak_ptr<Usage>> usages_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<AccountId, std::weak_ptr<Usage>> domains_ ABSL_GUARDED_BY(mutex_);
  size_t made_ ABSL_GUARDED_BY(mutex_) = 0;  // since the last sweep
};

}  // namespace restante::store
