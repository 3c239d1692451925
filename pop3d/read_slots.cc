#include "pop3d/read_slots.h"

#include "asio/post.hpp"

namespace restante::pop3 {

ReadSlot::~ReadSlot() { Return(); }

asio::awaitable<bool> ReadSlot::Take(TimePoint deadline) {
  if (held()) co_return true;
  if (slots_.free_ == 0 && slots_.queued_.empty()) slots_.EndLongestWait();
  if (slots_.free_ > 0 && slots_.queued_.empty()) {
    --slots_.free_;
    state_ = State::kWorking;
    co_return true;
  }
  state_ = State::kQueued;
  place_ = slots_.queued_.insert(slots_.queued_.end(), this);
  Deadline late(slots_.deadlines_, [this] { wakeup_.Notify(); });
  late.Set(deadline);
  co_await wakeup_.Wait();
  if (state_ == State::kQueued) Return();
  co_return held();
}

void ReadSlot::Return() {
  switch (state_) {
    case State::kNone:
      return;
    case State::kQueued:
      slots_.queued_.erase(place_);
      break;
    case State::kWaiting:
      slots_.waiting_.erase(place_);
      ++slots_.free_;
      break;
    case State::kWorking:
      ++slots_.free_;
      break;
  }
  state_ = State::kNone;
  slots_.PostGrant();
}

void ReadSlot::BeginWait() {
  if (state_ != State::kWorking) return;
  state_ = State::kWaiting;
  since_ = slots_.deadlines_.Now();
  place_ = slots_.waiting_.insert(slots_.waiting_.end(), this);
  if (!slots_.queued_.empty()) {
    slots_.EndLongestWait();
    slots_.PostGrant();
  } else if (slots_.waiting_.size() == 1) {
    slots_.deadline_.Set(since_ + ReadSlots::kPatience);
  }
}

void ReadSlot::EndWait() {
  if (state_ != State::kWaiting) return;
  slots_.waiting_.erase(place_);
  state_ = State::kWorking;
}

ReadSlots::ReadSlots(asio::io_context& context, Deadlines& deadlines, size_t slots)
    : context_(context),
      deadlines_(deadlines),
      free_(slots),
      deadline_(deadlines, [this] { EndOldWaits(); }) {}

void ReadSlots::EndLongestWait() {
  if (waiting_.empty()) return;
  ReadSlot* const slot = waiting_.front();
  waiting_.pop_front();
  slot->state_ = ReadSlot::State::kNone;
  ++free_;
  slot->GiveUp();
}

void ReadSlots::PostGrant() {
  if (grant_posted_ || queued_.empty()) return;
  grant_posted_ = true;
  asio::post(context_, [this] {
    grant_posted_ = false;
    Grant();
  });
}

void ReadSlots::Grant() {
  while (free_ > 0 && !queued_.empty()) {
    ReadSlot* const slot = queued_.front();
    queued_.pop_front();
    --free_;
    slot->state_ = ReadSlot::State::kWorking;
    slot->wakeup_.Notify();
  }
}

void ReadSlots::EndOldWaits() {
  const TimePoint now = deadlines_.Now();
  while (!waiting_.empty() && waiting_.front()->since_ + kPatience <= now) EndLongestWait();
  if (!waiting_.empty()) deadline_.Set(waiting_.front()->since_ + kPatience);
}

}  // namespace restante::pop3
