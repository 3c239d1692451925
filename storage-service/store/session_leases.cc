// The leases of SessionTable: what keeps them alive, and how they end.
#include <algorithm>
#include <utility>

#include "storage-service/store/session_table.h"

namespace restante::store {
namespace {

// Expire may be called so much later than it should be; any later, and this process
// has stood still.
constexpr absl::Duration kPunctual = absl::Milliseconds(500);
// Signs of life that may be missing.
constexpr int kMissingHeartbeats = 3;

}  // namespace

LeaseId SessionTable::BeginLease(Maildrops::LeaseEvents events) {
  absl::MutexLock lock(&mutex_);
  Lease& lease = leases_[++last_lease_];
  lease.heard = clock_->Now();
  lease.events = std::move(events);
  return last_lease_;
}

void SessionTable::Heard(LeaseId lease) {
  absl::MutexLock lock(&mutex_);
  const auto found = leases_.find(lease);
  if (found != leases_.end()) found->second.heard = Look();
}

void SessionTable::WatchForSilence(LeaseId lease, absl::Duration heartbeat) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = leases_.find(lease);
    if (found == leases_.end()) return;
    found->second.most_silence = std::max(grace_, kMissingHeartbeats * heartbeat);
  }
  if (wake_) wake_();
}

void SessionTable::EndLease(LeaseId lease) {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  if (const auto found = leases_.find(lease); found != leases_.end()) {
    found->second.broken = std::min(found->second.broken, Look());
    found->second.events = {};
  }
  GiveUpWaits(lease, after);
}

void SessionTable::GiveUpWaits(LeaseId lease, Aftermath& after) {
  for (LockQueue::Waiter& waiter : waiting_.TakeThoseOf(lease)) {
    after.answers.emplace_back(std::move(waiter), StreamGone());
  }
}

absl::Time SessionTable::Look() {
  const absl::Time now = clock_->Now();
  const absl::Duration late = now - watch_due_;
  if (late < kPunctual) return now;
  for (auto& [id, lease] : leases_) lease.heard = std::min(now, lease.heard + late);
  watch_due_ = now;
  return now;
}

absl::Time SessionTable::EndOf(const Lease& lease) const {
  return std::min(lease.broken + grace_, lease.heard + lease.most_silence);
}

bool SessionTable::IsOver(Lease& lease, absl::Time now) {
  if (EndOf(lease) > now) return false;
  if (lease.events.held_up && lease.events.held_up()) lease.heard = now;
  return EndOf(lease) <= now;
}

bool SessionTable::EndLeases(absl::Time now, Aftermath& after) {
  bool watched = false;
  for (auto lease = leases_.begin(); lease != leases_.end();) {
    if (!IsOver(lease->second, now)) {
      watched |= lease->second.most_silence < absl::InfiniteDuration();
      ++lease;
      continue;
    }
    if (lease->second.events.over) lease->second.events.over();
    GiveUpWaits(lease->first, after);
    leases_.erase(lease++);
  }
  return watched;
}

bool SessionTable::IsAlive(LeaseId lease) const {
  if (lease == kUnaryLease) return true;
  const auto found = leases_.find(lease);
  return found != leases_.end() && found->second.broken == absl::InfiniteFuture();
}

absl::Time SessionTable::EndOf(const Entry& entry) const {
  if (entry.lease == kUnaryLease) return entry.last_call + unary_lease_;
  const auto lease = leases_.find(entry.lease);
  return lease == leases_.end() ? absl::InfinitePast() : EndOf(lease->second);
}

}  // namespace restante::store
