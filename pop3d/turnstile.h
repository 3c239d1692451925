// Lets one coroutine of a thread through at a time, in the order in which they came:
// for what would take much memory if everybody did it at once. One thread.
#pragma once

#include <deque>
#include <utility>

#include "asio/awaitable.hpp"
#include "pop3d/deadlines.h"
#include "pop3d/wakeup.h"

namespace restante::pop3 {

class Turnstile {
 public:
  // The turn, until this goes.
  class Turn {
   public:
    Turn() = default;
    Turn(Turn&& other) noexcept : turnstile_(std::exchange(other.turnstile_, nullptr)) {}
    Turn& operator=(Turn&& other) noexcept {
      std::swap(turnstile_, other.turnstile_);
      return *this;
    }
    ~Turn() {
      if (turnstile_ != nullptr) turnstile_->PassOn();
    }

   private:
    friend class Turnstile;
    explicit Turn(Turnstile* turnstile) : turnstile_(turnstile) {}
    Turnstile* turnstile_ = nullptr;
  };

  // False if it isn't our turn by then. `deadlines` and `turn` outlive the call.
  asio::awaitable<bool> Wait(Deadlines& deadlines, TimePoint until, Turn* turn) {
    if (taken_) {
      Waiter waiter;
      Deadline deadline(deadlines, [&waiter] { waiter.wakeup.Notify(); });
      deadline.Set(until);
      waiting_.push_back(&waiter);
      co_await waiter.wakeup.Wait();
      if (!waiter.has_turn) {
        std::erase(waiting_, &waiter);
        co_return false;
      }
    }
    taken_ = true;
    *turn = Turn(this);
    co_return true;
  }

 private:
  struct Waiter {
    Wakeup wakeup;
    bool has_turn = false;
  };

  void PassOn() {
    taken_ = !waiting_.empty();
    if (!taken_) return;
    Waiter& next = *waiting_.front();
    waiting_.pop_front();
    next.has_turn = true;
    next.wakeup.Notify();
  }

  bool taken_ = false;
  std::deque<Waiter*> waiting_;
};

}  // namespace restante::pop3
