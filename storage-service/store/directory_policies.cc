// The directory's part in policies: an account's own is in its record, what the
// account inherits and the index of those that have one are in policies.h.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/account_format.pb.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/addresses.h"
#include "storage-service/store/directory.h"
#include "storage-service/store/directory_errors.h"
#include "storage-service/store/policies.h"

namespace restante::store {

Pop3Policy Directory::EffectivePolicy(const AccountEntry& account) const {
  return policies_->Effective(account.own_policy, account.domain);
}

Task<absl::StatusOr<std::optional<Pop3Policy>>> Directory::ReadOwnPolicy(AccountId account) {
  const auto loaded = co_await records_->Load(account);
  if (IsNoSuchAccount(loaded.status())) co_return std::optional<Pop3Policy>();
  if (!loaded.ok()) co_return loaded.status();
  co_return std::optional<Pop3Policy>(loaded->entry->own_policy);
}

Task<absl::StatusOr<Directory::Entry>> Directory::ChangePolicy(std::string address,
                                                               AccountChange change) {
  AsyncMutex::Guard turn = co_await policies_->turn().Lock();
  const absl::StatusOr<Entry> before = co_await Find(address);
  if (!before.ok()) co_return before.status();
  const AccountId account = (*before)->id;
  const Pop3Policy own = change.pop3_policy->ApplyTo((*before)->own_policy);
  const absl::Status legal = CheckPolicy(own);
  if (!legal.ok()) co_return legal;

  const absl::Status prepared = co_await policies_->Prepare(account, (*before)->domain, own);
  absl::StatusOr<Entry> changed = Entry();
  if (!prepared.ok()) {
    changed = prepared;
  } else {
    changed = co_await Change(std::move(address), [&](format::AccountRecord* record) {
      ApplyTo(change, record);
      if (own.empty()) {
        record->clear_pop3_policy();
      } else {
        *record->mutable_pop3_policy() = ToRecord(own);
      }
    });
  }
  // The account is right whatever becomes of this: what it leaves open is looked at
  // again with the next change, or at the next start.
  const absl::Status settled = co_await policies_->Settle(account);
  if (changed.ok() && !settled.ok()) co_return settled;
  co_return changed;
}

Task<absl::StatusOr<DomainPolicy>> Directory::SetDomainPolicy(std::string domain,
                                                              Pop3PolicyChange change) {
  absl::StatusOr<std::string> normalized = NormalizeDomain(domain);
  if (!normalized.ok()) co_return normalized.status();
  DomainPolicy set{*normalized, {}};
  absl::StatusOr<Pop3Policy> policy =
      co_await policies_->ChangeDomain(*std::move(normalized), std::move(change));
  if (!policy.ok()) co_return policy.status();
  set.policy = *std::move(policy);
  co_return set;
}

Task<absl::StatusOr<DomainPolicies>> Directory::ListDomainPolicies(std::string domain) {
  DomainPolicies listed{policies_->Domains(), policies_->service_policy()};
  if (!domain.empty()) {
    absl::StatusOr<std::string> normalized = NormalizeDomain(domain);
    if (!normalized.ok()) co_return normalized.status();
    std::erase_if(listed.domains,
                  [&](const DomainPolicy& entry) { return entry.domain != *normalized; });
  }
  co_return listed;
}

}  // namespace restante::store
