// Quotas of domains: what each account of a domain may have where nothing is set for
// itself, and what all of them may have together. Settings are in a shard of their own
// and in memory.
//
// What a domain holds is counted only while it has a quota. After a start, or when a
// quota is set, all its accounts are walked through in turns, with their mailboxes'
// heads; until that is done the figure is too low, and mail is taken that is too much.
// From then on it is exact: every mailbox reports each of its commits.
//
// Thread-safe. Errors: the engine's, CORRUPT.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/accounts.h"
#include "storage-service/store/async_mutex.h"
#include "storage-service/store/quota.h"
#include "storage-service/store/slice_place.h"
#include "storage-service/store/types.h"
#include "storage-service/store/usage.h"

namespace restante::store {

class AccountRecords;
class AddressMap;
class MailboxTable;

class DomainQuotas {
 public:
  // `service` is for accounts of which neither they nor their domain say otherwise.
  DomainQuotas(engine::Engine* engine, MailboxTable* mailboxes, AddressMap* addresses,
               AccountRecords* records, const Quota& service, const QuotaGrace& grace);

  // Reads the settings. Before any other call.
  Task<absl::Status> Start();

  const Quota& service_quota() const { return service_; }
  const QuotaGrace& grace() const { return grace_; }

  // What holds for an account, with all that it inherits. Domains are in normal form.
  Quota Effective(const Quota& own, absl::string_view domain) const ABSL_LOCKS_EXCLUDED(mutex_);

  // What a domain's accounts together keep within; null: it has no quota.
  struct Total {
    QuotaLimits limits;
    std::shared_ptr<Usage> usage;
  };
  Total TotalOf(absl::string_view domain) const ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on; a domain for which nothing is left is taken out.
  Task<absl::StatusOr<DomainQuota>> Change(std::string domain, DomainQuotaChange change);
  // By domain, with what they hold.
  std::vector<DomainQuota> List() const ABSL_LOCKS_EXCLUDED(mutex_);

  // An account of this domain is about to come into being, or is gone.
  void NoteAccount(const AccountId& account, absl::string_view domain)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void ForgetAccount(const AccountId& account);
  // It has changed its domain: what it holds counts there.
  Task<absl::Status> MoveAccount(AccountId account, std::string from, std::string to);

  // Goes on with the walks that aren't done, past about so many accounts.
  bool walking() const ABSL_LOCKS_EXCLUDED(mutex_);
  Task<absl::Status> Walk(size_t accounts);

 private:
  struct Domain {
    Quota accounts;
    Quota total;
    std::shared_ptr<Usage> usage;  // while there is a total
    SlicePlace walked_to;
  };

  void Put(const std::string& domain, const Quota& accounts, const Quota& total)
      ABSL_LOCKS_EXCLUDED(mutex_);
  static DomainQuota InfoOf(const std::string& name, const Domain& domain);
  DomainQuota InfoOf(const std::string& name) const ABSL_LOCKS_EXCLUDED(mutex_);
  Task<absl::Status> Write(std::string domain, Quota accounts, Quota total);
  // The account's mailboxes report to this usage from now on, or to none.
  Task<absl::Status> Count(AccountId account, std::shared_ptr<Usage> usage,
                           std::shared_ptr<Usage> before);

  engine::Engine* const engine_;
  MailboxTable* const mailboxes_;
  AddressMap* const addresses_;
  AccountRecords* const records_;
  const Quota service_;
  const QuotaGrace grace_;
  AsyncMutex turn_;  // of changes
  AsyncMutex walk_turn_;

  mutable absl::Mutex mutex_;
  std::map<std::string, Domain, std::less<>> domains_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
