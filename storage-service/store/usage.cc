#include "storage-service/store/usage.h"

#include <algorithm>
#include <utility>

namespace restante::store {
namespace {

// Usages that nobody holds any more are swept out after so many new ones, or as many
// as there are.
constexpr size_t kSweepAfter = 1024;

}  // namespace

void Usage::Set(const MailboxId& mailbox, const Holding& holding) {
  absl::MutexLock lock(&mutex_);
  Holding& known = holdings_[mailbox];
  total_ = TotalWith(known, holding);
  known = holding;
}

void Usage::SetIfUnknown(const MailboxId& mailbox, const Holding& holding) {
  absl::MutexLock lock(&mutex_);
  if (holdings_.try_emplace(mailbox, holding).second) total_ = TotalWith({}, holding);
}

void Usage::Forget(const MailboxId& mailbox) {
  absl::MutexLock lock(&mutex_);
  const auto known = holdings_.find(mailbox);
  if (known == holdings_.end()) return;
  total_ = TotalWith(known->second, {});
  holdings_.erase(known);
}

bool Usage::Claim(const QuotaLimits& limits, const MailboxId& mailbox, const Holding& holding) {
  absl::MutexLock lock(&mutex_);
  // One that is refused doesn't become known by it: what it holds may not be counted yet.
  const auto known = holdings_.find(mailbox);
  const Holding after =
      TotalWith(known == holdings_.end() ? Holding() : known->second, holding);
  if (!limits.Allow(total_, after)) return false;
  total_ = after;
  holdings_[mailbox] = holding;
  return true;
}

bool Usage::HasRoom(const QuotaLimits& limits, const Holding& more) const {
  absl::MutexLock lock(&mutex_);
  return limits.Allow(total_, TotalWith({}, more));
}

Holding Usage::total() const {
  absl::MutexLock lock(&mutex_);
  return total_;
}

bool Usage::complete() const {
  absl::MutexLock lock(&mutex_);
  return complete_;
}

void Usage::SetComplete() {
  absl::MutexLock lock(&mutex_);
  complete_ = true;
}

std::shared_ptr<Usage> UsageTable::Find(const AccountId& account) {
  absl::MutexLock lock(&mutex_);
  const auto found = usages_.find(account);
  return found == usages_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<Usage> UsageTable::FindOrMake(const AccountId& account) {
  absl::MutexLock lock(&mutex_);
  std::weak_ptr<Usage>& known = usages_[account];
  std::shared_ptr<Usage> usage = known.lock();
  if (usage != nullptr) return usage;
  usage = std::make_shared<Usage>();
  known = usage;
  if (++made_ >= std::max(kSweepAfter, usages_.size() / 2)) {
    made_ = 0;
    absl::erase_if(usages_, [](const auto& entry) { return entry.second.expired(); });
  }
  return usage;
}

std::shared_ptr<Usage> UsageTable::DomainOf(const AccountId& account) {
  absl::MutexLock lock(&mutex_);
  if (domains_.empty()) return nullptr;
  const auto found = domains_.find(account);
  return found == domains_.end() ? nullptr : found->second.lock();
}

void UsageTable::SetDomainOf(const AccountId& account, std::shared_ptr<Usage> domain) {
  absl::MutexLock lock(&mutex_);
  if (domain == nullptr) {
    domains_.erase(account);
  } else {
    domains_[account] = std::move(domain);
  }
}

}  // namespace restante::store
