#include "plugins/lmtpd/worker.h"

#include <exception>
#include <utility>

#include "asio/co_spawn.hpp"
#include "asio/post.hpp"

namespace restante::lmtp {

Worker::Worker(size_t index, size_t count, const SessionSettings& settings,
               std::chrono::milliseconds answer_within, std::atomic<int>& connections)
    : settings_(settings),
      answer_within_(answer_within),
      connections_(connections),
      client_(io_, deadlines_, index, count, answer_within),
      patience_(deadlines_, [this] { AbortAll(); }) {}

Worker::~Worker() { Finish(); }

void Worker::Start(DeliveryLink& link, MessageStreams& streams) {
  client_.Use(link);
  storage_ = std::make_unique<StorageAccess>(
      StorageAccess{io_.get_executor(), deadlines_, client_, streams, answer_within_});
  thread_ = std::thread([this] { io_.run(); });
}

void Worker::Serve(Arrival arrival) {
  load_.fetch_add(1, std::memory_order_relaxed);
  asio::post(io_,
             [this, arrival = std::move(arrival)]() mutable { Begin(std::move(arrival)); });
}

void Worker::Begin(Arrival arrival) {
  const auto session = sessions_.insert(
      sessions_.end(), std::make_unique<Session>(std::move(arrival), settings_, *storage_));
  if (draining_) (*session)->Drain();
  asio::co_spawn(io_, (*session)->Run(), [this, session](std::exception_ptr failure) {
    // Sessions report errors as values; an exception is a bug, or no memory.
    if (failure) std::rethrow_exception(failure);
    sessions_.erase(session);
    load_.fetch_sub(1, std::memory_order_relaxed);
    connections_.fetch_sub(1, std::memory_order_relaxed);
    TellIfDrained();
  });
}

void Worker::Drain(std::chrono::milliseconds within, absl::AnyInvocable<void() &&> drained) {
  asio::post(io_, [this, within, drained = std::move(drained)]() mutable {
    draining_ = true;
    drained_ = std::move(drained);
    patience_.Set(within);
    for (const auto& session : sessions_) session->Drain();
    TellIfDrained();
  });
}

void Worker::TellIfDrained() {
  if (!draining_ || !sessions_.empty() || !drained_) return;
  patience_.Clear();
  std::exchange(drained_, nullptr)();
}

void Worker::AbortAll() {
  client_.Stop();
  for (const auto& session : sessions_) session->Abort();
}

void Worker::Finish() {
  if (!thread_.joinable()) return;
  // Deadlines that nobody waits for any more are no reason to go on.
  asio::post(io_, [this] { io_.stop(); });
  thread_.join();
}

}  // namespace restante::lmtp
