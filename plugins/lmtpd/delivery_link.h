// The one DeliverStream of this process, shared by all of its sessions: for questions
// about recipients and for messages small enough to travel in one part. What waits
// while a write is under way leaves together in the next message, so the busier the
// process is, the fewer wake-ups a delivery costs.
//
// Keeps the stream up: when it breaks, what was written to it is lost (nobody knows
// whether it was carried out), what was not waits for the next stream, at most as long
// as the settings say, and not at all after one operation has waited that long in vain.
// Ids and what to do with results belong to DeliveryClient.
//
// Thread-safe. No callback of gRPC runs a session: results go to the ends' inboxes.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "asio/io_context.hpp"
#include "asio/steady_timer.hpp"
#include "restante/v1/delivery.grpc.pb.h"

namespace restante::lmtp {

class DeliveryLink {
 public:
  // What has happened to operations of one end.
  struct News {
    std::vector<v1::DeliveryResult> results;
    // Operations with lower ids were written to a stream that is broken now: they have
    // no result if they got none so far.
    uint64_t lost_below = 0;
  };

  // One io_context's side of the link.
  class End {
   public:
    virtual ~End() = default;
    // Called on threads of gRPC's; must not block.
    virtual void Receive(News news) = 0;
  };

  // `timers` runs the link's timer, until Stop(). All must outlive the link.
  DeliveryLink(const std::shared_ptr<grpc::ChannelInterface>& channel,
               std::chrono::milliseconds wait_for_stream, asio::io_context& timers,
               std::vector<End*> ends);

  // After Stop(), when no End uses it any more; waits until gRPC has let go of the stream.
  ~DeliveryLink();

  // Opens the stream. `on_first_up` is called once, on a thread of gRPC's, when the
  // storage service has answered for the first time.
  void Start(absl::AnyInvocable<void() &&> on_first_up) ABSL_LOCKS_EXCLUDED(mutex_);

  // Parts that are a whole operation each: with `check`, or with an envelope and
  // `last`. Ids of one end grow, leave a remainder of the end's index when divided by
  // the number of ends, and begin at kFirstRound times that number.
  void Send(std::vector<v1::DeliveryPart> parts) ABSL_LOCKS_EXCLUDED(mutex_);
  static constexpr uint64_t kFirstRound = 16;

  // Takes an operation back that was not written yet.
  void Withdraw(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends the stream, for good; whatever is under way is lost. On the timers' thread.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Stream;
  using Clock = std::chrono::steady_clock;

  struct Waiting {
    v1::DeliveryPart part;
    // Until then it waits for a stream.
    Clock::time_point until;
  };

  // What the end of a write is followed by.
  struct AfterWrite {
    Stream* next = nullptr;     // to be written to again
    bool release_hold = false;  // nothing is written any more
  };

  void OpenStream() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes the next parts into the stream's request; the caller then writes it, without
  // the lock. Null if there is nothing to write, or no stream, or a write under way.
  Stream* BeginWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tick() ABSL_LOCKS_EXCLUDED(mutex_);

  // What the stream reports.
  void OnResults(v1::DeliverStreamResponse response) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnProbeAnswered() ABSL_LOCKS_EXCLUDED(mutex_);
  AfterWrite OnWritten() ABSL_LOCKS_EXCLUDED(mutex_);
  void OnEnded(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::unique_ptr<v1::DeliveryService::Stub> stub_;
  const std::chrono::milliseconds wait_for_stream_;
  const std::vector<End*> ends_;
  asio::io_context& timers_;
  asio::steady_timer timer_;  // used on timers_'s thread only

  absl::Mutex mutex_;
  std::unique_ptr<Stream> stream_ ABSL_GUARDED_BY(mutex_);
  // gRPC has, or is about to lose, a stream of ours.
  bool alive_ ABSL_GUARDED_BY(mutex_) = false;
  // The storage service has answered on stream_, and it isn't known to be broken.
  bool up_ ABSL_GUARDED_BY(mutex_) = false;
  // An operation ran out of time while the stream was away, and it still is.
  bool waited_in_vain_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool outage_logged_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  // By end: one more than the highest id written so far.
  std::vector<uint64_t> written_below_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point reopen_at_ ABSL_GUARDED_BY(mutex_) = Clock::time_point::max();
  std::chrono::milliseconds pause_ ABSL_GUARDED_BY(mutex_);
  absl::AnyInvocable<void() &&> on_first_up_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::lmtp
