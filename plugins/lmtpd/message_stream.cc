#include "plugins/lmtpd/message_stream.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/memory/memory.h"
#include "asio/async_result.hpp"
#include "asio/post.hpp"
#include "asio/use_awaitable.hpp"
#include "common/grpc_status.h"
#include "common/handover.h"

namespace restante::lmtp {

// What has happened on the stream, as the session's thread knows it. Shared with the
// events under way to that thread, which may come after the session has gone.
struct MessageStream::Events {
  Events(asio::any_io_executor executor, size_t deliveries)
      : executor(std::move(executor)), results(deliveries) {}

  const asio::any_io_executor executor;
  bool writing = false;
  // Of the delivery with the id 1, 2, and so on.
  std::vector<std::optional<v1::DeliveryResult>> results;
  absl::AnyInvocable<void() &&> waiter;

  const std::optional<v1::DeliveryResult>& ResultOf(uint64_t id) const {
    return results[id - 1];
  }

  // Takes what came, at once or, when the stream has ended, in place of what didn't.
  void Take(v1::DeliverStreamResponse response, bool ended) {
    for (v1::DeliveryResult& result : *response.mutable_results()) {
      if (result.id() - 1 < results.size()) results[result.id() - 1] = std::move(result);
    }
    for (std::optional<v1::DeliveryResult>& result : results) {
      if (!ended || result.has_value()) continue;
      // gRPC tells why in OnDone, but not before the session has let go of its hold.
      *result.emplace().mutable_error() =
          ToRpcStatus(absl::UnavailableError("lost the storage service"));
    }
    Wake();
  }

  void Wake() {
    if (waiter) std::exchange(waiter, nullptr)();
  }
};

// The reactor. Its hold stands for the MessageStream, which begins writes.
class MessageStream::Call
    : public grpc::ClientBidiReactor<v1::DeliverStreamRequest, v1::DeliverStreamResponse> {
 public:
  Call(MessageStreams& streams, std::shared_ptr<Events> events)
      : streams_(streams),
        events_(std::move(events)),
        deliveries_(events_->results.size()),
        missing_(deliveries_) {}

  void Open() {
    {
      absl::MutexLock lock(&streams_.mutex_);
      ++streams_.calls_;
    }
    streams_.stub_->async()->DeliverStream(&context_, this);
    AddHold();
    to_grpc_.Give();
    StartRead(&response_);
    StartCall();
  }

  void Write(v1::DeliveryPart part) {
    const bool last = part.last() && part.id() == deliveries_;
    request_ = v1::DeliverStreamRequest();
    *request_.add_parts() = std::move(part);
    to_grpc_.Give();
    if (last) {
      StartWriteLast(&request_, grpc::WriteOptions());
    } else {
      StartWrite(&request_);
    }
  }

  void Cancel() { context_.TryCancel(); }

  void OnWriteDone(bool /*ok*/) override {
    to_grpc_.Take();
    asio::post(events_->executor, [events = events_] {
      events->writing = false;
      events->Wake();
    });
  }

  void OnReadDone(bool ok) override {
    to_grpc_.Take();
    v1::DeliverStreamResponse response = std::exchange(response_, {});
    const auto came = static_cast<size_t>(response.results_size());
    const bool ended = !ok || came == 0;
    missing_ -= std::min(came, missing_);
    const bool more = !ended && missing_ > 0;
    asio::post(events_->executor,
               [events = events_, response = std::move(response), ended]() mutable {
                 events->Take(std::move(response), ended);
               });
    if (!more) return;
    to_grpc_.Give();
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& /*status*/) override {
    to_grpc_.Take();
    // The reactor dies before ~MessageStreams may go on: its share of the channel must
    // not be the last one, or gRPC would end its threads from one of them.
    MessageStreams& streams = streams_;
    delete this;
    absl::MutexLock lock(&streams.mutex_);
    --streams.calls_;
  }

 private:
  MessageStreams& streams_;
  const std::shared_ptr<Events> events_;
  const size_t deliveries_;
  // Results that haven't come; of gRPC's thread.
  size_t missing_;
  grpc::ClientContext context_;
  v1::DeliverStreamRequest request_;
  v1::DeliverStreamResponse response_;
  Handover to_grpc_;
};

MessageStreams::MessageStreams(const std::shared_ptr<grpc::ChannelInterface>& channel)
    : stub_(v1::DeliveryService::NewStub(channel)) {}

MessageStreams::~MessageStreams() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* calls) { return *calls == 0; }, &calls_));
}

std::unique_ptr<MessageStream> MessageStreams::Open(asio::any_io_executor executor,
                                                    DeadlineQueue& deadlines,
                                                    std::chrono::milliseconds within,
                                                    size_t deliveries) {
  return absl::WrapUnique(
      new MessageStream(*this, std::move(executor), deadlines, within, deliveries));
}

MessageStream::MessageStream(MessageStreams& streams, asio::any_io_executor executor,
                             DeadlineQueue& deadlines, std::chrono::milliseconds within,
                             size_t deliveries)
    : events_(std::make_shared<Events>(std::move(executor), deliveries)),
      call_(new Call(streams, events_)),
      within_(within),
      deadline_(deadlines, [this] { Cancel(); }) {
  call_->Open();
}

MessageStream::~MessageStream() {
  call_->Cancel();
  call_->RemoveHold();
}

asio::awaitable<bool> MessageStream::Write(v1::DeliveryPart part) {
  const uint64_t id = part.id();
  while (events_->writing && !events_->ResultOf(id).has_value()) co_await AwaitEvent();
  if (events_->ResultOf(id).has_value()) co_return false;
  events_->writing = true;
  call_->Write(std::move(part));
  co_return true;
}

asio::awaitable<v1::DeliveryResult> MessageStream::Result(uint64_t id) {
  while (!events_->ResultOf(id).has_value()) co_await AwaitEvent();
  co_return *events_->ResultOf(id);
}

asio::awaitable<void> MessageStream::AwaitEvent() {
  deadline_.Set(within_);
  co_await NextEvent();
  deadline_.Clear();
}

asio::awaitable<void> MessageStream::NextEvent() {
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [this](auto handler) { events_->waiter = std::move(handler); }, asio::use_awaitable);
}

void MessageStream::Cancel() { call_->Cancel(); }

}  // namespace restante::lmtp
