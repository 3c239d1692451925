// The policies of domains, and what all policies together announce. Keeps the
// policies shard: domains' policies, held in memory, and an index of the accounts
// that have one of their own, so that the strictest of all is known after a start
// without reading every account.
//
// What counts as "all" is what a user may have: the service's policy, each domain's,
// each account's own, whether or not there is an account that inherits the first two.
//
// Thread-safe. Errors: the engine's, CORRUPT.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/accounts.h"
#include "storage-service/store/async_mutex.h"
#include "storage-service/store/pop3_policy.h"
#include "storage-service/store/types.h"

namespace restante::store {

// A policy as it is stored; an empty one is nothing.
format::Pop3Policy ToRecord(const Pop3Policy& policy);
Pop3Policy FromRecord(const format::Pop3Policy& record);

class Policies {
 public:
  // What an account's record says of its own policy; nothing: there is no such
  // account.
  using ReadOwn = std::function<Task<absl::StatusOr<std::optional<Pop3Policy>>>(AccountId)>;

  Policies(engine::Engine* engine, const Pop3Policy& service_policy, ReadOwn read_own);

  // Reads the shard, and settles what a crash has left open. Before any other call.
  Task<absl::Status> Start();

  Pop3Policy Effective(const Pop3Policy& own, absl::string_view domain) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  const Pop3Policy& service_policy() const { return service_policy_; }

  // The domain's policy from now on; one that becomes empty is taken away. The domain
  // is in normal form. INVALID_REQUEST.
  Task<absl::StatusOr<Pop3Policy>> ChangeDomain(std::string domain, Pop3PolicyChange change);
  // By domain.
  std::vector<DomainPolicy> Domains() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Changes of accounts' own policies take turns; a turn is held over the write of
  // the account's record. Prepare comes before that write, Settle after it, however
  // it ended: it makes the index what the record says.
  AsyncMutex& turn() { return turn_; }
  Task<absl::Status> Prepare(AccountId account, std::string domain, Pop3Policy own);
  Task<absl::Status> Settle(AccountId account);

  // The account is gone; takes a turn.
  Task<absl::Status> Forget(AccountId account);

  // Whether anybody's mail expires, by the policies of all or by those of accounts
  // alone.
  bool AnyExpiry() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool AnyInheritedExpiry() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Accounts with a policy of their own, after `after`, at most `limit`.
  Task<absl::StatusOr<std::vector<AccountId>>> WithOwnPolicy(AccountId after, size_t limit);

  // What CAPA may say before anybody has logged in. A watcher is told at once and
  // whenever it changes, and not any more once Unwatch returns; it must be quick,
  // and call nothing here.
  Pop3Announcement announcement() const ABSL_LOCKS_EXCLUDED(mutex_);
  using Watcher = std::function<void(const Pop3Announcement&)>;
  void Watch(uint64_t key, Watcher watcher) ABSL_LOCKS_EXCLUDED(mutex_);
  void Unwatch(uint64_t key) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Accounts of one domain with the same policy of their own.
  struct Alike {
    std::string domain;
    Pop3Policy own;
    uint64_t accounts = 0;
  };
  struct Indexed {
    std::string domain;
    Pop3Policy own;
    bool unsettled = false;
  };

  Pop3Policy OfDomain(const std::string& domain) const ABSL_LOCKS_EXCLUDED(mutex_);
  void SetDomain(const std::string& domain, const Pop3Policy& policy)
      ABSL_LOCKS_EXCLUDED(mutex_);
  Task<absl::StatusOr<std::optional<Indexed>>> ReadIndex(AccountId account);
  Task<absl::Status> WriteIndex(AccountId account, std::string domain, Pop3Policy own,
                                bool unsettled);
  Task<absl::Status> Load(std::vector<AccountId>* unsettled);
  // How many accounts have this policy; both changes at once.
  void Count(const std::optional<Indexed>& before, const std::optional<Indexed>& after)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void CountOne(const Indexed& indexed, int64_t by) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Pop3Policy EffectiveLocked(const Pop3Policy& own, absl::string_view domain) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Announce() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  engine::Engine* const engine_;
  const Pop3Policy service_policy_;
  const ReadOwn read_own_;
  AsyncMutex turn_;

  mutable absl::Mutex mutex_;
  std::map<std::string, Pop3Policy, std::less<>> domains_ ABSL_GUARDED_BY(mutex_);
  // By domain and policy.
  absl::flat_hash_map<std::string, Alike> alike_ ABSL_GUARDED_BY(mutex_);
  Pop3Announcement announcement_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, Watcher> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
