// The deadlines of everything that waits on one thread. A deadline is moved by
// writing a number, which costs nothing; one sweep at a coarse interval finds those
// that have passed. A timer for each wait would cost more than the wait's work.
//
// So a deadline fires up to one sweep interval late, and never early. One thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

#include "absl/functional/any_invocable.h"

namespace restante::pop3 {

using TimePoint = std::chrono::steady_clock::time_point;
using TimeSpan = std::chrono::steady_clock::duration;
// What time it is; tests have their own.
using TimeSource = std::function<TimePoint()>;

class Deadline;

class Deadlines {
 public:
  explicit Deadlines(TimeSource now) : now_(std::move(now)) {}
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  TimePoint Now() const { return now_(); }

  // Calls what has expired by now. A call may move, create or destroy deadlines.
  void Sweep();

 private:
  friend class Deadline;
  TimeSource now_;
  Deadline* first_ = nullptr;
  // Where a sweep goes on; moved along when that deadline is destroyed.
  Deadline* next_in_sweep_ = nullptr;
};

// One deadline; unset at first. Unset again when it expires.
class Deadline {
 public:
  Deadline(Deadlines& deadlines, absl::AnyInvocable<void()> on_expiry);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void Set(TimePoint when) { when_ = when; }
  void SetAfter(TimeSpan span, TimePoint at_most = TimePoint::max()) {
    when_ = std::min(deadlines_.Now() + span, at_most);
  }
  void Clear() { when_ = TimePoint::max(); }

 private:
  friend class Deadlines;
  Deadlines& deadlines_;
  TimePoint when_ = TimePoint::max();
  absl::AnyInvocable<void()> on_expiry_;
  Deadline* previous_ = nullptr;
  Deadline* next_ = nullptr;
};

}  // namespace restante::pop3
