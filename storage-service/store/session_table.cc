#include "storage-service/store/session_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/errors.h"

namespace restante::store {
namespace {

absl::Status InUse() {
  return MakeError(v1::ERROR_REASON_IN_USE, "another session holds the maildrop");
}

}  // namespace

absl::Status LeaseLost(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_LEASE_LOST, message);
}

absl::Status StreamGone() {
  return LeaseLost("the stream that asked for the maildrop is gone");
}

absl::Status LoginCancelled() { return absl::CancelledError("the login was given up"); }

SessionTable::Aftermath::~Aftermath() {
  for (auto& [waiter, answer] : answers) std::move(waiter.done)(std::move(answer));
}

SessionTable::SessionTable(uint64_t epoch, const Clock* clock, absl::Duration grace,
                           absl::Duration unary_lease, std::function<void()> wake)
    : epoch_(epoch & 0xFFFFFFFF),
      clock_(clock),
      grace_(grace),
      unary_lease_(unary_lease),
      wake_(std::move(wake)) {}

void SessionTable::GiveUpCancelled() {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  TakeCancelled(after);
}

void SessionTable::TakeCancelled(Aftermath& after) {
  for (LockQueue::Waiter& waiter : waiting_.TakeCancelled()) {
    after.answers.emplace_back(std::move(waiter), LoginCancelled());
  }
}

void SessionTable::End(uint64_t fencing, Aftermath& after) {
  const auto entry = entries_.find(fencing);
  const MailboxId mailbox = entry->second.mailbox;
  holders_.erase(mailbox);
  after.gone.push_back(std::move(entry->second.session));
  entries_.erase(entry);
  GrantNext(mailbox, after);
}

void SessionTable::GrantNext(const MailboxId& mailbox, Aftermath& after) {
  std::optional<LockQueue::Waiter> next = waiting_.TakeFirst(mailbox);
  if (!next) return;
  const LockGrant grant{Occupy(mailbox, next->lease), next->due};
  after.answers.emplace_back(*std::move(next), grant);
  // Others that may take it over do: the newest login has it in the end.
  if (waiting_.FirstIsDue(mailbox)) Fence(mailbox, after);
}

void SessionTable::Fence(const MailboxId& mailbox, Aftermath& after) {
  const auto holder = holders_.find(mailbox);
  if (holder == holders_.end()) return;
  Entry& entry = entries_.find(holder->second)->second;
  entry.released = true;
  if (entry.busy == 0) End(holder->second, after);
}

SessionTable::Entry* SessionTable::Living(uint64_t fencing, Aftermath& after) {
  const auto entry = entries_.find(fencing);
  if (entry == entries_.end()) return nullptr;
  if (entry->second.busy > 0) return &entry->second;
  const absl::Time now = Look();
  const auto lease = leases_.find(entry->second.lease);
  const bool over =
      lease == leases_.end() ? EndOf(entry->second) <= now : IsOver(lease->second, now);
  if (!over) return &entry->second;
  End(fencing, after);
  return nullptr;
}

bool SessionTable::IsHeld(const MailboxId& mailbox, Aftermath& after) {
  const auto holder = holders_.find(mailbox);
  if (holder == holders_.end()) return false;
  // If this ends it, the lock may go to somebody who waits, and is held again.
  return Living(holder->second, after) != nullptr || holders_.contains(mailbox);
}

uint64_t SessionTable::Occupy(const MailboxId& mailbox, LeaseId lease) {
  const uint64_t fencing = epoch_ << 32 | ++last_counter_;
  Occupy(mailbox, lease, fencing);
  return fencing;
}

void SessionTable::Occupy(const MailboxId& mailbox, LeaseId lease, uint64_t fencing) {
  Entry entry;
  entry.mailbox = mailbox;
  entry.lease = lease;
  entry.last_call = clock_->Now();
  entry.busy = 1;
  entries_[fencing] = std::move(entry);
  holders_[mailbox] = fencing;
}

absl::StatusOr<uint64_t> SessionTable::Reserve(const MailboxId& mailbox, LeaseId lease) {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  if (!IsAlive(lease)) return StreamGone();
  if (IsHeld(mailbox, after)) return InUse();
  return Occupy(mailbox, lease);
}

Task<absl::StatusOr<LockGrant>> SessionTable::Acquire(
    MailboxId mailbox, LeaseId lease, absl::Duration wait, bool take_over,
    std::shared_ptr<const PendingLogin> pending) {
  using Answer = absl::StatusOr<LockGrant>;
  Answer answer = co_await Await<Answer>([&](Done<Answer> done) {
    LockQueue::Waiter waiter;
    waiter.mailbox = mailbox;
    waiter.lease = lease;
    waiter.take_over = take_over;
    waiter.pending = pending;
    waiter.done = std::move(done);
    AcquireOrWait(std::move(waiter), wait);
  });
  co_return answer;
}

void SessionTable::AcquireOrWait(LockQueue::Waiter waiter, absl::Duration wait) {
  bool wake = false;
  {
    Aftermath after;
    absl::MutexLock lock(&mutex_);
    const MailboxId mailbox = waiter.mailbox;
    if (!IsAlive(waiter.lease)) {
      after.answers.emplace_back(std::move(waiter), StreamGone());
      return;
    }
    // Whoever cancels comes for it under the mutex afterwards.
    if (waiter.cancelled()) {
      after.answers.emplace_back(std::move(waiter), LoginCancelled());
      return;
    }
    if (!IsHeld(mailbox, after)) {
      const LockGrant grant{Occupy(mailbox, waiter.lease), false};
      after.answers.emplace_back(std::move(waiter), grant);
      return;
    }
    if (!may_wait_) wait = absl::ZeroDuration();
    waiter.due = waiter.take_over && wait <= absl::ZeroDuration();
    if ((wait <= absl::ZeroDuration() && !waiter.due) || !waiting_.HasRoom(mailbox)) {
      after.answers.emplace_back(std::move(waiter), InUse());
      return;
    }
    const bool due = waiter.due;
    waiter.until = clock_->Now() + wait;
    wake = !due && waiter.until < next_look_;
    waiting_.Add(std::move(waiter));
    if (due) Fence(mailbox, after);
  }
  if (wake && wake_) wake_();
}

void SessionTable::StopWaiting() {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  may_wait_ = false;
  for (LockQueue::Waiter& waiter : waiting_.TakeAll()) {
    after.answers.emplace_back(std::move(waiter), InUse());
  }
}

absl::Status SessionTable::ReserveAgain(const MailboxId& mailbox, uint64_t fencing,
                                        LeaseId lease) {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  if (!IsAlive(lease)) return StreamGone();
  if (IsHeld(mailbox, after)) return LeaseLost("a newer session holds the maildrop");
  Occupy(mailbox, lease, fencing);
  return absl::OkStatus();
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
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  const auto entry = entries_.find(fencing);
  if (entry == entries_.end()) return;
  if (entry->second.session == nullptr || entry->second.busy == 0) {
    End(fencing, after);
  } else {
    entry->second.released = true;
  }
}

std::shared_ptr<const Session> SessionTable::Find(uint64_t fencing) {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  Entry* entry = Living(fencing, after);
  if (entry == nullptr || entry->released) return nullptr;
  entry->last_call = clock_->Now();
  return entry->session;
}

std::optional<SessionTable::Kept> SessionTable::FindAndKeep(uint64_t fencing) {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  Entry* entry = Living(fencing, after);
  if (entry == nullptr || entry->released || entry->session == nullptr) return std::nullopt;
  entry->last_call = clock_->Now();
  ++entry->busy;
  return Kept{entry->session, Busy(this, fencing)};
}

void SessionTable::EndBusy(uint64_t fencing) {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  const auto entry = entries_.find(fencing);
  if (entry == entries_.end()) return;
  entry->second.last_call = clock_->Now();
  if (--entry->second.busy == 0 && entry->second.released) End(fencing, after);
}

absl::Status SessionTable::Move(uint64_t fencing, LeaseId lease) {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  Entry* entry = Living(fencing, after);
  if (entry == nullptr || entry->released) return LeaseLost("the session is over");
  if (!IsAlive(lease)) return LeaseLost("the stream that asked for the session is gone");
  entry->lease = lease;
  entry->last_call = clock_->Now();
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> SessionTable::Renew(uint64_t fencing) {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  Entry* entry = Living(fencing, after);
  if (entry == nullptr || entry->released) return LeaseLost("the session is over");
  entry->last_call = clock_->Now();
  return entry->lease == kUnaryLease ? unary_lease_ : absl::ZeroDuration();
}

absl::Time SessionTable::Expire() {
  Aftermath after;
  absl::MutexLock lock(&mutex_);
  const absl::Time now = Look();
  const bool watched = EndLeases(now, after);
  watch_due_ = watched ? now + kWatchInterval : absl::InfiniteFuture();
  absl::Time next = watch_due_;
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
  TakeCancelled(after);
  for (const uint64_t fencing : over) End(fencing, after);
  for (LockQueue::Waiter& waiter : waiting_.TakeOverdue(now)) {
    if (!waiter.take_over) {
      after.answers.emplace_back(std::move(waiter), InUse());
      continue;
    }
    const MailboxId mailbox = waiter.mailbox;
    waiter.due = true;
    waiting_.Add(std::move(waiter));
    Fence(mailbox, after);
  }
  next = std::min(next, waiting_.next());
  next_look_ = next;
  return next;
}

size_t SessionTable::sessions() const {
  absl::MutexLock lock(&mutex_);
  return entries_.size();
}

}  // namespace restante::store
