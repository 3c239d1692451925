// One thread with its io_context, and the sessions that it serves.
#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "asio/executor_work_guard.hpp"
#include "asio/io_context.hpp"
#include "plugins/lmtpd/delivery_client.h"
#include "plugins/lmtpd/message_stream.h"
#include "plugins/lmtpd/session.h"

namespace restante::lmtp {

class Worker {
 public:
  // `index` of `count` workers. `connections` counts the sessions of all of them.
  Worker(size_t index, size_t count, const SessionSettings& settings,
         std::chrono::milliseconds answer_within, std::atomic<int>& connections);
  ~Worker();

  asio::io_context& io() { return io_; }
  DeliveryClient& client() { return client_; }

  void Start(DeliveryLink& link, MessageStreams& streams);

  // Sessions that are served here; any thread.
  int load() const { return load_.load(std::memory_order_relaxed); }

  // From any thread; the caller has counted the session in `connections`.
  void Serve(Arrival arrival);

  // From any thread: idle sessions end now, the others after their transaction, or at
  // the end of this time. `drained` is called on the worker's thread when none is left.
  void Drain(std::chrono::milliseconds within, absl::AnyInvocable<void() &&> drained);

  // Ends the thread, after it was drained.
  void Finish();

 private:
  // On the worker's thread.
  void Begin(Arrival arrival);
  void AbortAll();
  void TellIfDrained();

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  DeadlineQueue deadlines_{io_};
  const SessionSettings& settings_;
  const std::chrono::milliseconds answer_within_;
  std::atomic<int>& connections_;
  std::atomic<int> load_{0};
  DeliveryClient client_;
  std::unique_ptr<StorageAccess> storage_;
  std::list<std::unique_ptr<Session>> sessions_;
  bool draining_ = false;
  absl::AnyInvocable<void() &&> drained_;
  Deadline patience_;
  std::thread thread_;
};

}  // namespace restante::lmtp
