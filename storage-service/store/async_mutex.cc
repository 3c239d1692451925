#include "storage-service/store/async_mutex.h"

namespace restante::store {

bool AsyncMutex::Enqueue(std::coroutine_handle<> awaiting) {
  absl::MutexLock lock(&mutex_);
  if (!locked_) {
    locked_ = true;
    return false;
  }
  waiting_.push_back(awaiting);
  return true;
}

void AsyncMutex::Unlock() {
  std::coroutine_handle<> next;
  {
    absl::MutexLock lock(&mutex_);
    if (waiting_.empty()) {
      locked_ = false;
      return;
    }
    next = waiting_.front();
    waiting_.pop_front();
  }
  next.resume();
}

Task<KeyedAsyncMutex::Guard> KeyedAsyncMutex::Lock(std::string key) {
  Entry* entry = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    std::unique_ptr<Entry>& slot = entries_[key];
    if (slot == nullptr) slot = std::make_unique<Entry>();
    entry = slot.get();
    ++entry->users;
  }
  AsyncMutex::Guard held = co_await entry->mutex.Lock();
  Guard guard;
  guard.owner_ = this;
  guard.key_ = std::move(key);
  guard.guard_ = std::move(held);
  co_return guard;
}

KeyedAsyncMutex::Guard::~Guard() {
  if (owner_ == nullptr) return;
  guard_.Release();
  absl::MutexLock lock(&owner_->mutex_);
  const auto entry = owner_->entries_.find(key_);
  if (--entry->second->users == 0) owner_->entries_.erase(entry);
}

}  // namespace restante::store
