#include "storage-service/store/account_usage.h"

#include <algorithm>

namespace restante::store {
namespace {

// Usages that nobody holds any more are swept out after so many new ones, or as many
// as there are.
constexpr size_t kSweepAfter = 1024;

}  // namespace

void AccountUsage::Set(const MailboxId& mailbox, uint64_t octets) {
  absl::MutexLock lock(&mutex_);
  uint64_t& known = octets_[mailbox];
  total_ = total_ - known + octets;
  known = octets;
}

bool AccountUsage::SetWithin(uint64_t quota_octets, const MailboxId& mailbox, uint64_t octets) {
  absl::MutexLock lock(&mutex_);
  uint64_t& known = octets_[mailbox];
  const uint64_t total = total_ - known + octets;
  if (total > quota_octets) return false;
  total_ = total;
  known = octets;
  return true;
}

uint64_t AccountUsage::total() const {
  absl::MutexLock lock(&mutex_);
  return total_;
}

bool AccountUsage::complete() const {
  absl::MutexLock lock(&mutex_);
  return complete_;
}

void AccountUsage::SetComplete() {
  absl::MutexLock lock(&mutex_);
  complete_ = true;
}

std::shared_ptr<AccountUsage> UsageTable::Find(const AccountId& account) {
  absl::MutexLock lock(&mutex_);
  const auto found = usages_.find(account);
  return found == usages_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<AccountUsage> UsageTable::FindOrMake(const AccountId& account) {
  absl::MutexLock lock(&mutex_);
  std::weak_ptr<AccountUsage>& known = usages_[account];
  std::shared_ptr<AccountUsage> usage = known.lock();
  if (usage != nullptr) return usage;
  usage = std::make_shared<AccountUsage>();
  known = usage;
  if (++made_ >= std::max(kSweepAfter, usages_.size() / 2)) {
    made_ = 0;
    absl::erase_if(usages_, [](const auto& entry) { return entry.second.expired(); });
  }
  return usage;
}

}  // namespace restante::store
