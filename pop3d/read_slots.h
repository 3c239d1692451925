// How many Read calls one thread has open, which is what bounds the memory of
// messages on their way, however many clients there are and however slowly they
// read: a call takes some 0.3 MiB of frames and of gRPC's windows.
//
// A call whose client is waited for can go at any time: it ends when another session
// needs its slot, the one that has waited longest first, and after a second in any
// case. Its session begins a new one where the old one ended, once the client goes
// on. One thread.
#pragma once

#include <cstddef>
#include <list>

#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "pop3d/deadlines.h"
#include "pop3d/wakeup.h"

namespace restante::pop3 {

class ReadSlots;

// One session's right to a call.
class ReadSlot {
 public:
  ReadSlot(const ReadSlot&) = delete;
  ReadSlot& operator=(const ReadSlot&) = delete;

 protected:
  explicit ReadSlot(ReadSlots& slots) : slots_(slots) {}
  // Gives the slot back.
  ~ReadSlot();

  // Waits for a slot, behind those who waited before. False: none in time.
  asio::awaitable<bool> Take(TimePoint deadline);
  void Return();
  bool held() const { return state_ == State::kWorking || state_ == State::kWaiting; }

  // Between these two, with the slot held, it is the client's turn. Both do nothing
  // without a slot.
  void BeginWait();
  void EndWait();

 private:
  friend class ReadSlots;
  enum class State { kNone, kQueued, kWorking, kWaiting };

  // The slot is gone: the call has to end now. Only between BeginWait and EndWait.
  virtual void GiveUp() = 0;

  ReadSlots& slots_;
  State state_ = State::kNone;
  // Where it is in the list of the queued or of the waiting.
  std::list<ReadSlot*>::iterator place_;
  TimePoint since_;
  Wakeup wakeup_;
};

class ReadSlots {
 public:
  static constexpr size_t kSlots = 32;
  // For how long the client is waited for with a call that nobody else needs.
  static constexpr TimeSpan kPatience = std::chrono::seconds(1);

  ReadSlots(asio::io_context& context, Deadlines& deadlines, size_t slots = kSlots);
  ReadSlots(const ReadSlots&) = delete;
  ReadSlots& operator=(const ReadSlots&) = delete;

 private:
  friend class ReadSlot;

  // Takes the slot of the one that has waited longest.
  void EndLongestWait();
  // Gives free slots to those who queue, in a turn of its own: they go on at once.
  void PostGrant();
  void Grant();
  void EndOldWaits();

  asio::io_context& context_;
  Deadlines& deadlines_;
  size_t free_;
  bool grant_posted_ = false;
  // In the order in which they came.
  std::list<ReadSlot*> queued_;
  std::list<ReadSlot*> waiting_;
  Deadline deadline_;
};

}  // namespace restante::pop3
