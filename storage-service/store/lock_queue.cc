#include "storage-service/store/lock_queue.h"

#include <algorithm>
#include <utility>

namespace restante::store {

bool LockQueue::HasRoom(const MailboxId& mailbox) const {
  if (size_ >= kMostWaiters) return false;
  const auto queue = queues_.find(mailbox);
  return queue == queues_.end() || queue->second.size() < kMostForOneMaildrop;
}

void LockQueue::Add(Waiter waiter) {
  std::deque<Waiter>& queue = queues_[waiter.mailbox];
  auto place = queue.end();
  if (waiter.due) {
    place = std::find_if(queue.begin(), queue.end(), [](const Waiter& w) { return !w.due; });
  }
  queue.insert(place, std::move(waiter));
  ++size_;
}

bool LockQueue::FirstIsDue(const MailboxId& mailbox) const {
  const auto queue = queues_.find(mailbox);
  return queue != queues_.end() && queue->second.front().due;
}

std::optional<LockQueue::Waiter> LockQueue::TakeFirst(const MailboxId& mailbox) {
  const auto queue = queues_.find(mailbox);
  if (queue == queues_.end()) return std::nullopt;
  Waiter first = std::move(queue->second.front());
  queue->second.pop_front();
  --size_;
  if (queue->second.empty()) queues_.erase(queue);
  return first;
}

template <typename Wanted>
std::vector<LockQueue::Waiter> LockQueue::TakeIf(Wanted wanted) {
  std::vector<Waiter> taken;
  for (auto queue = queues_.begin(); queue != queues_.end();) {
    std::deque<Waiter> left;
    for (Waiter& waiter : queue->second) {
      if (wanted(waiter)) {
        taken.push_back(std::move(waiter));
      } else {
        left.push_back(std::move(waiter));
      }
    }
    queue->second = std::move(left);
    if (queue->second.empty()) {
      queues_.erase(queue++);
    } else {
      ++queue;
    }
  }
  size_ -= taken.size();
  return taken;
}

std::vector<LockQueue::Waiter> LockQueue::TakeThoseOf(LeaseId lease) {
  return TakeIf([lease](const Waiter& waiter) { return waiter.lease == lease; });
}

std::vector<LockQueue::Waiter> LockQueue::TakeCancelled() {
  return TakeIf([](const Waiter& waiter) { return waiter.cancelled(); });
}

std::vector<LockQueue::Waiter> LockQueue::TakeOverdue(absl::Time now) {
  std::vector<Waiter> overdue =
      TakeIf([now](const Waiter& waiter) { return !waiter.due && waiter.until <= now; });
  // The longest overdue first, whichever maildrop they wait for.
  std::stable_sort(overdue.begin(), overdue.end(),
                   [](const Waiter& a, const Waiter& b) { return a.until < b.until; });
  return overdue;
}

std::vector<LockQueue::Waiter> LockQueue::TakeAll() {
  return TakeIf([](const Waiter&) { return true; });
}

absl::Time LockQueue::next() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [mailbox, queue] : queues_) {
    for (const Waiter& waiter : queue) {
      if (!waiter.due) next = std::min(next, waiter.until);
    }
  }
  return next;
}

}  // namespace restante::store
