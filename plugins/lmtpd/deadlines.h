// Time-outs of many connections on one timer. A deadline that is moved further away,
// as every read and write does, costs a store into memory: the queue looks at it again
// when its old time has come.
//
// Belongs to one io_context, and is used on its thread only.
#pragma once

#include <chrono>
#include <map>

#include "absl/functional/any_invocable.h"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"

namespace restante::lmtp {

class Deadline;

class DeadlineQueue {
 public:
  using Clock = std::chrono::steady_clock;

  explicit DeadlineQueue(asio::io_context& io) : timer_(io) {}

 private:
  friend class Deadline;
  using Entries = std::multimap<Clock::time_point, Deadline*>;

  void Add(Clock::time_point when, Deadline* deadline);
  void Remove(Deadline* deadline);
  void Arm();
  void Expire();

  Entries entries_;
  asio::steady_timer timer_;
  // What the timer is set to; max() if it isn't set.
  Clock::time_point armed_ = Clock::time_point::max();
};

class Deadline {
 public:
  // `expire` runs on the queue's thread, once for each time that a deadline passes; it
  // may use this object, but not destroy it.
  Deadline(DeadlineQueue& queue, absl::AnyInvocable<void()> expire)
      : queue_(queue), expire_(std::move(expire)) {}
  ~Deadline() { queue_.Remove(this); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  // From now on; replaces an earlier time.
  void Set(DeadlineQueue::Clock::duration after);
  void Clear() { when_ = DeadlineQueue::Clock::time_point::max(); }

 private:
  friend class DeadlineQueue;

  DeadlineQueue& queue_;
  absl::AnyInvocable<void()> expire_;
  DeadlineQueue::Clock::time_point when_ = DeadlineQueue::Clock::time_point::max();
  bool queued_ = false;
  DeadlineQueue::Entries::iterator entry_;
};

}  // namespace restante::lmtp
