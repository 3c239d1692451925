#include "plugins/lmtpd/deadlines.h"

namespace restante::lmtp {

void Deadline::Set(DeadlineQueue::Clock::duration after) {
  when_ = DeadlineQueue::Clock::now() + after;
  if (queued_ && entry_->first <= when_) return;
  queue_.Remove(this);
  queue_.Add(when_, this);
}

void DeadlineQueue::Add(Clock::time_point when, Deadline* deadline) {
  deadline->entry_ = entries_.emplace(when, deadline);
  deadline->queued_ = true;
  Arm();
}

void DeadlineQueue::Remove(Deadline* deadline) {
  if (!deadline->queued_) return;
  entries_.erase(deadline->entry_);
  deadline->queued_ = false;
  // A timer that nobody waits for would keep the io_context running.
  if (entries_.empty() && armed_ != Clock::time_point::max()) {
    armed_ = Clock::time_point::max();
    timer_.cancel();
  }
}

void DeadlineQueue::Arm() {
  if (entries_.empty() || armed_ <= entries_.begin()->first) return;
  armed_ = entries_.begin()->first;
  timer_.expires_at(armed_);
  timer_.async_wait([this](asio::error_code error) {
    if (error) return;
    armed_ = Clock::time_point::max();
    Expire();
  });
}

void DeadlineQueue::Expire() {
  const Clock::time_point now = Clock::now();
  while (!entries_.empty() && entries_.begin()->first <= now) {
    Deadline* deadline = entries_.begin()->second;
    Remove(deadline);
    if (deadline->when_ == Clock::time_point::max()) continue;
    if (deadline->when_ > now) {
      Add(deadline->when_, deadline);
    } else {
      deadline->Clear();
      deadline->expire_();
    }
  }
  Arm();
}

}  // namespace restante::lmtp
