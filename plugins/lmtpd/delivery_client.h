// What the sessions of one io_context ask of the storage service over the shared
// stream: would these recipients get a message, and here is a small one. Questions are
// gathered until the end of the io_context's turn; answers arrive in an inbox that is
// emptied in one turn, and resume the sessions there.
//
// Used on the io_context's thread only, but for Receive().
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "plugins/lmtpd/deadlines.h"
#include "plugins/lmtpd/delivery_link.h"
#include "restante/v1/delivery.pb.h"

namespace restante::lmtp {

// One status per recipient, from what the storage service answered: an error of the
// whole, or an answer that doesn't fit the question, counts for each of them.
std::vector<absl::Status> StatusesOf(const v1::DeliveryResult& result, size_t recipients);

class DeliveryClient final : public DeliveryLink::End {
 public:
  // `index` of `count` ends. An answer that takes longer than `answer_within` is
  // UNAVAILABLE; whether a delivery was carried out is then unknown.
  DeliveryClient(asio::io_context& io, DeadlineQueue& deadlines, size_t index, size_t count,
                 std::chrono::milliseconds answer_within);

  // Before the first question; the link must outlive them all.
  void Use(DeliveryLink& link) { link_ = &link; }

  // One status per recipient.
  asio::awaitable<std::vector<absl::Status>> Check(v1::CheckRecipientsRequest request);

  // A whole message; one status per recipient, OK once it is durable.
  asio::awaitable<std::vector<absl::Status>> Deliver(v1::Envelope envelope,
                                                     std::string message);

  // Answers all questions with UNAVAILABLE, also those to come.
  void Stop();

  void Receive(DeliveryLink::News news) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Answer = absl::AnyInvocable<void(v1::DeliveryResult) &&>;
  struct Pending {
    Answer answer;
    DeadlineQueue::Clock::time_point until;
  };

  asio::awaitable<v1::DeliveryResult> Ask(v1::DeliveryPart part);
  void Start(v1::DeliveryPart part, Answer answer);
  void Flush();
  void TakeNews() ABSL_LOCKS_EXCLUDED(mutex_);
  void Expire();
  // Ends the oldest questions, those with ids below this.
  void FailBelow(uint64_t id, const absl::Status& status);

  asio::io_context& io_;
  DeliveryLink* link_ = nullptr;
  const size_t count_;
  const std::chrono::milliseconds answer_within_;
  uint64_t next_id_;
  bool stopped_ = false;
  std::vector<v1::DeliveryPart> outbox_;
  // By id, which is also the order of their time-outs.
  absl::btree_map<uint64_t, Pending> pending_;
  Deadline oldest_;

  absl::Mutex mutex_;
  DeliveryLink::News inbox_ ABSL_GUARDED_BY(mutex_);
  bool take_posted_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace restante::lmtp
