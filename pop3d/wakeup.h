// Where one coroutine waits until something else on its thread wakes it: a result
// that came in, a frame, a deadline. A wake-up that comes first is kept.
#pragma once

#include <utility>

#include "absl/functional/any_invocable.h"
#include "asio/async_result.hpp"
#include "asio/awaitable.hpp"
#include "asio/use_awaitable.hpp"

namespace restante::pop3 {

// One thread, one waiting coroutine at a time.
class Wakeup {
 public:
  Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  asio::awaitable<void> Wait() {
    if (!notified_) {
      auto suspend = [this](auto handler) {
        resume_ = [handler = std::move(handler)]() mutable { std::move(handler)(); };
      };
      co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
          suspend, asio::use_awaitable);
    }
    notified_ = false;
  }

  // Resumes the waiting coroutine before it returns, or lets the next Wait() pass.
  void Notify() {
    notified_ = true;
    if (!resume_) return;
    // The coroutine may wait again, or end and take this object with it.
    absl::AnyInvocable<void()> resume = std::exchange(resume_, nullptr);
    resume();
  }

 private:
  bool notified_ = false;
  absl::AnyInvocable<void()> resume_;
};

}  // namespace restante::pop3
