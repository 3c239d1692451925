#include "storage-service/store/watch_hub.h"

#include <utility>

namespace restante::store {

WatchHub::Listener::Listener(WatchHub* hub, AccountId account) : hub_(hub), account_(account) {}

WatchHub::Listener::~Listener() {
  absl::MutexLock lock(&hub_->mutex_);
  const auto listeners = hub_->by_account_.find(account_);
  std::erase_if(listeners->second, [](const auto& listener) { return listener.expired(); });
  if (listeners->second.empty()) hub_->by_account_.erase(listeners);
  hub_->listeners_.fetch_sub(1, std::memory_order_release);
}

std::shared_ptr<WatchHub::Listener> WatchHub::Listen(AccountId account) {
  auto listener = std::make_shared<Listener>(this, account);
  absl::MutexLock lock(&mutex_);
  by_account_[account].push_back(listener);
  listeners_.fetch_add(1, std::memory_order_release);
  return listener;
}

void WatchHub::Tell(const AccountId& account, const MailboxId* mailbox) {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = by_account_.find(account);
    if (found == by_account_.end()) return;
    for (const std::weak_ptr<Listener>& listener : found->second) {
      if (std::shared_ptr<Listener> alive = listener.lock()) {
        listeners.push_back(std::move(alive));
      }
    }
  }
  for (const std::shared_ptr<Listener>& listener : listeners) {
    listener->news_.Add([mailbox](News& news) {
      if (mailbox != nullptr) {
        news.changed.insert(*mailbox);
      } else {
        news.mailboxes = true;
      }
    });
  }
}

}  // namespace restante::store
