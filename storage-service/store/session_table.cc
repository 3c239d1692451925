#include "storage-service/store/session_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace restante::store {
namespace {

absl::Status LeaseLost(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_LEASE_LOST, message);
}

}  // namespace

SessionTable::SessionTable(uint64_t epoch, const Clock* clock, absl::Duration grace,
                           absl::Duration unary_lease)
    : epoch_(epoch & 0xFFFFFFFF), clock_(clock), grace_(grace), unary_lease_(unary_lease) {}

LeaseId SessionTable::BeginLease() {
  absl::MutexLock lock(&mutex_);
  leases_[++last_lease_] = absl::InfiniteFuture();
  return last_lease_;
}

void SessionTable::EndLease(LeaseId lease) {
  absl::MutexLock lock(&mutex_);
  const auto found = leases_.find(lease);
  if (found != leases_.end()) found->second = std::min(found->second, clock_->Now());
}

absl::Time SessionTable::EndOf(const Entry& entry) const {
  if (entry.lease == kUnaryLease) return entry.last_call + unary_lease_;
  const auto lease = leases_.find(entry.lease);
  return lease == leases_.end() ? absl::InfinitePast() : lease->second + grace_;
}

void SessionTable::End(uint64_t fencing, Gone& gone) {
  const auto entry = entries_.find(fencing);
  holders_.erase(entry->second.mailbox);
  gone.push_back(std::move(entry->second.session));
  entries_.erase(entry);
}

SessionTable::Entry* SessionTable::Living(uint64_t fencing, Gone& gone) {
  const auto entry = entries_.find(fencing);
  if (entry == entries_.end()) return nullptr;
  if (entry->second.busy == 0 && EndOf(entry->second) <= clock_->Now()) {
    End(fencing, gone);
    return nullptr;
  }
  return &entry->second;
}

absl::Status SessionTable::Insert(const MailboxId& mailbox, uint64_t fencing, LeaseId lease,
                                  Gone& gone) {
  if (lease != kUnaryLease) {
    const auto found = leases_.find(lease);
    if (found == leases_.end() || found->second != absl::InfiniteFuture()) {
      return LeaseLost("the stream that asked for the maildrop is gone");
    }
  }
  const auto holder = holders_.find(mailbox);
  if (holder != holders_.end() && Living(holder->second, gone) != nullptr) {
    return MakeError(v1::ERROR_REASON_IN_USE, "another session holds the maildrop");
  }
  Entry entry;
  entry.mailbox = mailbox;
  entry.lease = lease;
  entry.last_call = clock_->Now();
  entry.busy = 1;
  entries_[fencing] = std::move(entry);
  holders_[mailbox] = fencing;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> SessionTable::Reserve(const MailboxId& mailbox, LeaseId lease) {
  Gone gone;
  absl::MutexLock lock(&mutex_);
  const uint64_t fencing = epoch_ << 32 | (last_counter_ + 1);
  if (absl::Status status = Insert(mailbox, fencing, lease, gone); !status.ok()) return status;
  ++last_counter_;
  return fencing;
}

absl::Status SessionTable::ReserveAgain(const MailboxId& mailbox, uint64_t fencing,
                                        LeaseId lease) {
  Gone gone;
  absl::MutexLock lock(&mutex_);
  absl::Status status = Insert(mailbox, fencing, lease, gone);
  if (ReasonOf(status) == v1::ERROR_REASON_IN_USE) {
    return LeaseLost("a newer session holds the maildrop");
  }
  return status;
}

void SessionTable::Install(std::shared_ptr<const Session> session) {
  const uint64_t fencing = session->facts.fencing;
  {
    absl::MutexLock lock(&mutex_);
    entries_.find(fencing)->second.session = std::move(session);
  }
  EndBusy(fencing);
}

void SessionTable::Release(uint64_t fencing) {
  Gone gone;
  absl::MutexLock lock(&mutex_);
  const auto entry = entries_.find(fencing);
  if (entry == entries_.end()) return;
  if (entry->second.session == nullptr || entry->second.busy == 0) {
    End(fencing, gone);
  } else {
    entry->second.released = true;
  }
}

std::shared_ptr<const Session> SessionTable::Find(uint64_t fencing) {
  Gone gone;
  absl::MutexLock lock(&mutex_);
  Entry* entry = Living(fencing, gone);
  if (entry == nullptr || entry->released) return nullptr;
  entry->last_call = clock_->Now();
  return entry->session;
}

std::optional<SessionTable::Kept> SessionTable::FindAndKeep(uint64_t fencing) {
  Gone gone;
  absl::MutexLock lock(&mutex_);
  Entry* entry = Living(fencing, gone);
  if (entry == nullptr || entry->released || entry->session == nullptr) return std::nullopt;
  entry->last_call = clock_->Now();
  ++entry->busy;
  return Kept{entry->session, Busy(this, fencing)};
}

void SessionTable::EndBusy(uint64_t fencing) {
  Gone gone;
  absl::MutexLock lock(&mutex_);
  const auto entry = entries_.find(fencing);
  if (entry == entries_.end()) return;
  entry->second.last_call = clock_->Now();
  if (--entry->second.busy == 0 && entry->second.released) End(fencing, gone);
}

absl::Status SessionTable::Move(uint64_t fencing, LeaseId lease) {
  Gone gone;
  absl::MutexLock lock(&mutex_);
  Entry* entry = Living(fencing, gone);
  if (entry == nullptr || entry->released) return LeaseLost("the session is over");
  if (lease != kUnaryLease) {
    const auto found = leases_.find(lease);
    if (found == leases_.end() || found->second != absl::InfiniteFuture()) {
      return LeaseLost("the stream that asked for the session is gone");
    }
  }
  entry->lease = lease;
  entry->last_call = clock_->Now();
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> SessionTable::Renew(uint64_t fencing) {
  Gone gone;
  absl::MutexLock lock(&mutex_);
  Entry* entry = Living(fencing, gone);
  if (entry == nullptr || entry->released) return LeaseLost("the session is over");
  entry->last_call = clock_->Now();
  return entry->lease == kUnaryLease ? unary_lease_ : absl::ZeroDuration();
}

absl::Time SessionTable::Expire() {
  Gone gone;
  absl::MutexLock lock(&mutex_);
  const absl::Time now = clock_->Now();
  absl::Time next = absl::InfiniteFuture();
  std::vector<uint64_t> over;
  for (const auto& [fencing, entry] : entries_) {
    if (entry.busy > 0) continue;
    const absl::Time end = EndOf(entry);
    if (end <= now) {
      over.push_back(fencing);
    } else {
      next = std::min(next, end);
    }
  }
  for (const uint64_t fencing : over) End(fencing, gone);
  for (auto lease = leases_.begin(); lease != leases_.end();) {
    if (lease->second + grace_ <= now) {
      leases_.erase(lease++);
    } else {
      ++lease;
    }
  }
  return next;
}

size_t SessionTable::sessions() const {
  absl::MutexLock lock(&mutex_);
  return entries_.size();
}

}  // namespace restante::store
