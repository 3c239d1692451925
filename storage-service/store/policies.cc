#include "storage-service/store/policies.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/log.h"
#include "storage-service/store/shard_calls.h"

namespace restante::store {
namespace {

constexpr char kAccountPrefix = 'a';
constexpr char kDomainPrefix = 'd';
constexpr size_t kPoliciesPage = 1024;

// Beside the store's own record, in a shard of its own: others change that one.
engine::ShardId PoliciesShard() {
  std::string id(16, '\0');
  id.back() = 1;
  return {engine::ShardId::Kind::kService, *Id128::FromOctets(id)};
}

std::string AccountKey(const AccountId& account) {
  return absl::StrCat(absl::string_view(&kAccountPrefix, 1), account.AsOctets());
}

std::string DomainKey(absl::string_view domain) {
  return absl::StrCat(absl::string_view(&kDomainPrefix, 1), domain);
}

std::string EndOfPrefix(char prefix) { return std::string(1, static_cast<char>(prefix + 1)); }

std::string KeyOf(absl::string_view domain, const Pop3Policy& own) {
  return absl::StrCat(domain, absl::string_view("\0", 1), ToRecord(own).SerializeAsString());
}

std::optional<absl::Duration> ToDuration(bool has, int64_t us) {
  if (!has) return std::nullopt;
  return absl::Microseconds(us);
}

}  // namespace

format::Pop3Policy ToRecord(const Pop3Policy& policy) {
  format::Pop3Policy record;
  record.set_deletion(static_cast<uint32_t>(policy.deletion));
  record.set_move_to(policy.move_to);
  if (policy.expire_retrieved) {
    record.set_expire_retrieved_us(absl::ToInt64Microseconds(*policy.expire_retrieved));
  }
  if (policy.expire_arrived) {
    record.set_expire_arrived_us(absl::ToInt64Microseconds(*policy.expire_arrived));
  }
  if (policy.login_delay) {
    record.set_login_delay_us(absl::ToInt64Microseconds(*policy.login_delay));
  }
  return record;
}

Pop3Policy FromRecord(const format::Pop3Policy& record) {
  Pop3Policy policy;
  // One that a later release has made: the mail stays where it is until then.
  policy.deletion = record.deletion() <= static_cast<uint32_t>(Pop3Policy::Deletion::kMove)
                        ? static_cast<Pop3Policy::Deletion>(record.deletion())
                        : Pop3Policy::Deletion::kHide;
  policy.move_to = record.move_to();
  policy.expire_retrieved =
      ToDuration(record.has_expire_retrieved_us(), record.expire_retrieved_us());
  policy.expire_arrived =
      ToDuration(record.has_expire_arrived_us(), record.expire_arrived_us());
  policy.login_delay = ToDuration(record.has_login_delay_us(), record.login_delay_us());
  return policy;
}

Policies::Policies(engine::Engine* engine, const Pop3Policy& service_policy, ReadOwn read_own)
    : engine_(engine),
      service_policy_(Inherit(service_policy, DefaultPop3Policy())),
      read_own_(std::move(read_own)) {
  absl::MutexLock lock(&mutex_);
  Announce();
}

Task<absl::Status> Policies::Start() {
  std::vector<AccountId> unsettled;
  absl::Status loaded = co_await Load(&unsettled);
  if (!loaded.ok()) co_return loaded;
  AsyncMutex::Guard turn = co_await turn_.Lock();
  for (const AccountId& account : unsettled) {
    absl::Status settled = co_await Settle(account);
    if (!settled.ok()) co_return settled;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Policies::Load(std::vector<AccountId>* unsettled) {
  engine::ScanRequest request;
  request.shard = PoliciesShard();
  request.begin = std::string(1, kAccountPrefix);
  request.end = EndOfPrefix(kDomainPrefix);
  while (true) {
    const auto page = co_await ScanKeys(engine_, request);
    if (!page.ok()) co_return page.status();
    absl::MutexLock lock(&mutex_);
    for (const auto& [key, value] : page->entries) {
      if (key[0] == kDomainPrefix) {
        format::Pop3Policy record;
        if (!record.ParseFromString(std::string(value))) {
          co_return CorruptRecord("a domain's policy");
        }
        domains_[std::string(key.substr(1))] = FromRecord(record);
        continue;
      }
      const std::optional<Id128> account = Id128::FromOctets(key.substr(1));
      format::AccountPolicy record;
      if (!account || !record.ParseFromString(std::string(value))) {
        co_return CorruptRecord("an entry of the accounts with a policy of their own");
      }
      CountOne({record.domain(), FromRecord(record.policy()), record.unsettled()}, 1);
      if (record.unsettled()) unsettled->push_back(*account);
    }
    Announce();
    if (page->next.empty()) co_return absl::OkStatus();
    request.begin = page->next;
  }
}

Pop3Policy Policies::EffectiveLocked(const Pop3Policy& own, absl::string_view domain) const {
  const auto of_domain = domains_.find(domain);
  if (of_domain == domains_.end()) return Inherit(own, service_policy_);
  return Inherit(Inherit(own, of_domain->second), service_policy_);
}

Pop3Policy Policies::Effective(const Pop3Policy& own, absl::string_view domain) const {
  absl::MutexLock lock(&mutex_);
  return EffectiveLocked(own, domain);
}

Pop3Policy Policies::OfDomain(const std::string& domain) const {
  absl::MutexLock lock(&mutex_);
  const auto found = domains_.find(domain);
  return found == domains_.end() ? Pop3Policy() : found->second;
}

void Policies::SetDomain(const std::string& domain, const Pop3Policy& policy) {
  absl::MutexLock lock(&mutex_);
  if (policy.empty()) {
    domains_.erase(domain);
  } else {
    domains_[domain] = policy;
  }
  Announce();
}

Task<absl::StatusOr<Pop3Policy>> Policies::ChangeDomain(std::string domain,
                                                        Pop3PolicyChange change) {
  AsyncMutex::Guard turn = co_await turn_.Lock();
  const Pop3Policy policy = change.ApplyTo(OfDomain(domain));
  const absl::Status legal = CheckPolicy(policy);
  if (!legal.ok()) co_return legal;
  std::optional<std::string> value;
  if (!policy.empty()) value = ToRecord(policy).SerializeAsString();
  absl::Status written =
      co_await WriteKey(engine_, PoliciesShard(), DomainKey(domain), std::move(value));
  if (written.ok()) {
    SetDomain(domain, policy);
    co_return policy;
  }
  if (absl::IsUnavailable(written)) {
    // Whether it was written after all is for the shard to say.
    const auto there = co_await GetKey(engine_, PoliciesShard(), DomainKey(domain));
    format::Pop3Policy record;
    if (there.ok() && record.ParseFromString(there->value_or(""))) {
      SetDomain(domain, FromRecord(record));
    }
  }
  co_return written;
}

std::vector<DomainPolicy> Policies::Domains() const {
  absl::MutexLock lock(&mutex_);
  std::vector<DomainPolicy> domains;
  for (const auto& [domain, policy] : domains_) domains.push_back({domain, policy});
  return domains;
}

Task<absl::StatusOr<std::optional<Policies::Indexed>>> Policies::ReadIndex(AccountId account) {
  const auto value = co_await GetKey(engine_, PoliciesShard(), AccountKey(account));
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return std::optional<Indexed>();
  format::AccountPolicy record;
  if (!record.ParseFromString(**value)) {
    co_return CorruptRecord(absl::StrCat("the policy of account ", account.ToHex()));
  }
  co_return std::optional<Indexed>(
      Indexed{record.domain(), FromRecord(record.policy()), record.unsettled()});
}

Task<absl::Status> Policies::WriteIndex(AccountId account, std::string domain, Pop3Policy own,
                                        bool unsettled) {
  format::AccountPolicy record;
  record.set_domain(std::move(domain));
  *record.mutable_policy() = ToRecord(own);
  record.set_unsettled(unsettled);
  absl::Status written = co_await WriteKey(engine_, PoliciesShard(), AccountKey(account),
                                           record.SerializeAsString());
  co_return written;
}

Task<absl::Status> Policies::Prepare(AccountId account, std::string domain, Pop3Policy own) {
  const auto before = co_await ReadIndex(account);
  if (!before.ok()) co_return before.status();
  absl::Status written = co_await WriteIndex(account, domain, own, true);
  if (!written.ok() && !absl::IsUnavailable(written)) co_return written;
  // Counts from now on, which is on the safe side.
  const auto now = co_await ReadIndex(account);
  if (now.ok()) Count(*before, *now);
  co_return written;
}

Task<absl::Status> Policies::Settle(AccountId account) {
  const auto before = co_await ReadIndex(account);
  if (!before.ok()) co_return before.status();
  if (!before->has_value()) co_return absl::OkStatus();
  const auto own = co_await read_own_(account);
  if (!own.ok()) co_return own.status();
  std::optional<Indexed> after;
  absl::Status written;
  if (own->has_value() && !(*own)->empty()) {
    after = Indexed{(*before)->domain, **own, false};
    written = co_await WriteIndex(account, after->domain, after->own, false);
  } else {
    written = co_await WriteKey(engine_, PoliciesShard(), AccountKey(account), std::nullopt);
  }
  if (!written.ok()) co_return written;
  Count(*before, after);
  co_return absl::OkStatus();
}

Task<absl::Status> Policies::Forget(AccountId account) {
  AsyncMutex::Guard turn = co_await turn_.Lock();
  const auto before = co_await ReadIndex(account);
  if (!before.ok()) co_return before.status();
  if (!before->has_value()) co_return absl::OkStatus();
  absl::Status written =
      co_await WriteKey(engine_, PoliciesShard(), AccountKey(account), std::nullopt);
  if (written.ok()) Count(*before, std::nullopt);
  co_return written;
}

void Policies::CountOne(const Indexed& indexed, int64_t by) {
  if (indexed.own.empty()) return;
  const std::string key = KeyOf(indexed.domain, indexed.own);
  Alike& alike = alike_[key];
  alike.domain = indexed.domain;
  alike.own = indexed.own;
  alike.accounts += static_cast<uint64_t>(by);
  if (alike.accounts == 0) alike_.erase(key);
}

void Policies::Count(const std::optional<Indexed>& before,
                     const std::optional<Indexed>& after) {
  absl::MutexLock lock(&mutex_);
  if (before) CountOne(*before, -1);
  if (after) CountOne(*after, 1);
  Announce();
}

bool Policies::AnyInheritedExpiry() const {
  absl::MutexLock lock(&mutex_);
  if (service_policy_.expires()) return true;
  for (const auto& [domain, policy] : domains_) {
    if (Inherit(policy, service_policy_).expires()) return true;
  }
  return false;
}

bool Policies::AnyExpiry() const {
  if (AnyInheritedExpiry()) return true;
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, alike] : alike_) {
    if (EffectiveLocked(alike.own, alike.domain).expires()) return true;
  }
  return false;
}

Task<absl::StatusOr<std::vector<AccountId>>> Policies::WithOwnPolicy(AccountId after,
                                                                     size_t limit) {
  engine::ScanRequest request;
  request.shard = PoliciesShard();
  request.begin = AccountKey(after);
  request.end = EndOfPrefix(kAccountPrefix);
  request.max_entries = limit + 1;
  const auto page = co_await ScanKeys(engine_, std::move(request));
  if (!page.ok()) co_return page.status();
  std::vector<AccountId> accounts;
  for (const auto& [key, value] : page->entries) {
    const std::optional<Id128> account = Id128::FromOctets(key.substr(1));
    if (account && *account != after && accounts.size() < limit) accounts.push_back(*account);
  }
  co_return accounts;
}

Pop3Announcement Policies::announcement() const {
  absl::MutexLock lock(&mutex_);
  return announcement_;
}

void Policies::Announce() {
  Pop3Announcement strictest = AnnouncementOf(service_policy_);
  for (const auto& [domain, policy] : domains_) {
    strictest = Strictest(strictest, AnnouncementOf(Inherit(policy, service_policy_)));
  }
  for (const auto& [key, alike] : alike_) {
    strictest = Strictest(strictest, AnnouncementOf(EffectiveLocked(alike.own, alike.domain)));
  }
  if (strictest == announcement_) return;
  announcement_ = strictest;
  for (const auto& [key, watcher] : watchers_) watcher(announcement_);
}

void Policies::Watch(uint64_t key, Watcher watcher) {
  absl::MutexLock lock(&mutex_);
  watcher(announcement_);
  watchers_[key] = std::move(watcher);
}

void Policies::Unwatch(uint64_t key) {
  absl::MutexLock lock(&mutex_);
  watchers_.erase(key);
}

}  // namespace restante::store
