#include "storage-service/store/account_cache.h"

#include <iterator>
#include <utility>

namespace restante::store {

AccountCache::Entry AccountCache::ByAddress(absl::string_view address) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return found->second->entry;
}

AccountCache::Entry AccountCache::ById(const AccountId& account) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_id_.find(account);
  if (found == by_id_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return found->second->entry;
}

AccountCache::Ticket AccountCache::TakeTicket() const {
  absl::MutexLock lock(&mutex_);
  return forgotten_;
}

void AccountCache::Insert(Ticket ticket, std::string address, Entry entry) {
  absl::MutexLock lock(&mutex_);
  if (capacity_ == 0 || ticket != forgotten_ || by_id_.contains(entry->id) ||
      by_address_.contains(address)) {
    return;
  }
  if (by_use_.size() >= capacity_) Erase(std::prev(by_use_.end()));
  by_use_.push_front(Cached{std::move(address), std::move(entry)});
  by_address_.emplace(by_use_.front().address, by_use_.begin());
  by_id_.emplace(by_use_.front().entry->id, by_use_.begin());
}

void AccountCache::Forget(const AccountId& account) {
  absl::MutexLock lock(&mutex_);
  ++forgotten_;
  const auto found = by_id_.find(account);
  if (found != by_id_.end()) Erase(found->second);
}

void AccountCache::Erase(ByUse::iterator cached) {
  by_address_.erase(cached->address);
  by_id_.erase(cached->entry->id);
  by_use_.erase(cached);
}

size_t AccountCache::size() const {
  absl::MutexLock lock(&mutex_);
  return by_use_.size();
}

}  // namespace restante::store
