#include "plugins/lmtpd/delivery_link.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "asio/post.hpp"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "common/log.h"

namespace restante::lmtp {
namespace {

constexpr absl::string_view kLinkComponent = "lmtp-storage";

// The question that finds out whether a stream works.
constexpr uint64_t kProbeId = 1;

// A message of the stream is complete when it holds so much. The storage service takes
// 4 MiB; a part with all the recipients that LMTP allows has half of that.
constexpr size_t kFullMessageOctets = 1024 * 1024;

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLongestPause{2000};

v1::DeliveryResult FailedResult(uint64_t id, const absl::Status& status) {
  v1::DeliveryResult result;
  result.set_id(id);
  *result.mutable_error() = ToRpcStatus(status);
  return result;
}

}  // namespace

// The reactor of one stream. It has a hold for writes that begin outside of its own
// callbacks, and lets go of it once it can't be written to any more.
class DeliveryLink::Stream
    : public grpc::ClientBidiReactor<v1::DeliverStreamRequest, v1::DeliverStreamResponse> {
 public:
  explicit Stream(DeliveryLink& link) : link_(link) {}

  void Open(v1::DeliveryService::Stub& stub) {
    // Waits for a connection as long as it takes; what waits for the stream doesn't.
    context_.set_wait_for_ready(true);
    stub.async()->DeliverStream(&context_, this);
    v1::DeliveryPart& probe = *request.add_parts();
    probe.set_id(kProbeId);
    probe.mutable_check();
    AddHold();
    StartRead(&response_);
    StartWrite(&request);
    StartCall();
  }

  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      bool release = false;
      {
        absl::MutexLock lock(&link_.mutex_);
        link_.up_ = false;
        reads_ended_ = true;
        release = !link_.writing_;
      }
      if (release) RemoveHold();
      return;
    }
    link_.OnResults(std::exchange(response_, {}));
    StartRead(&response_);
  }

  void OnWriteDone(bool /*ok*/) override {
    // A write that failed is followed by a read that fails.
    const AfterWrite after = link_.OnWritten();
    if (after.next != nullptr) after.next->StartWrite(&after.next->request);
    if (after.release_hold) RemoveHold();
  }

  void OnDone(const grpc::Status& status) override {
    link_.OnEnded(FromGrpcStatus(status));  // destroys this
  }

  // The message being written; filled under the link's lock while no write is under way.
  v1::DeliverStreamRequest request;

 private:
  friend class DeliveryLink;

  DeliveryLink& link_;
  grpc::ClientContext context_;
  v1::DeliverStreamResponse response_;
  bool reads_ended_ = false;  // guarded by the link's mutex
};

DeliveryLink::DeliveryLink(const std::shared_ptr<grpc::ChannelInterface>& channel,
                           std::chrono::milliseconds wait_for_stream, asio::io_context& timers,
                           std::vector<End*> ends)
    : stub_(v1::DeliveryService::NewStub(channel)),
      wait_for_stream_(wait_for_stream),
      ends_(std::move(ends)),
      timers_(timers),
      timer_(timers),
      written_below_(ends_.size(), 0),
      pause_(kFirstPause) {}

DeliveryLink::~DeliveryLink() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](bool* alive) { return !*alive; }, &alive_));
}

void DeliveryLink::Start(absl::AnyInvocable<void() &&> on_first_up) {
  {
    absl::MutexLock lock(&mutex_);
    on_first_up_ = std::move(on_first_up);
  }
  OpenStream();
}

void DeliveryLink::OpenStream() {
  absl::MutexLock lock(&mutex_);
  if (stopping_ || alive_) return;
  reopen_at_ = Clock::time_point::max();
  alive_ = true;
  stream_ = std::make_unique<Stream>(*this);
  writing_ = true;
  stream_->Open(*stub_);
}

void DeliveryLink::Send(std::vector<v1::DeliveryPart> parts) {
  Stream* stream = nullptr;
  bool look_after = false;
  {
    absl::MutexLock lock(&mutex_);
    look_after = !up_ && waiting_.empty();
    const Clock::time_point until = Clock::now() + wait_for_stream_;
    for (v1::DeliveryPart& part : parts) waiting_.push_back({std::move(part), until});
    stream = BeginWrite();
  }
  if (stream != nullptr) stream->StartWrite(&stream->request);
  if (look_after) asio::post(timers_, [this] { Tick(); });
}

void DeliveryLink::Withdraw(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  const auto has_id = [id](const Waiting& waiting) { return waiting.part.id() == id; };
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), has_id);
  if (found != waiting_.end()) waiting_.erase(found);
}

void DeliveryLink::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (stream_ != nullptr) stream_->Cancel();
  }
  timer_.cancel();
}

DeliveryLink::Stream* DeliveryLink::BeginWrite() {
  if (!up_ || writing_ || waiting_.empty()) return nullptr;
  size_t octets = 0;
  while (!waiting_.empty() && octets < kFullMessageOctets) {
    v1::DeliveryPart& part = waiting_.front().part;
    octets += part.ByteSizeLong();
    written_below_[part.id() % ends_.size()] = part.id() + 1;
    *stream_->request.add_parts() = std::move(part);
    waiting_.pop_front();
  }
  writing_ = true;
  return stream_.get();
}

// On timers_: sees to what waits while there is no stream.
void DeliveryLink::Tick() {
  std::vector<News> news(ends_.size());
  bool open = false;
  {
    absl::MutexLock lock(&mutex_);
    if (up_ || stopping_) return;
    const Clock::time_point now = Clock::now();
    // Once somebody has waited in vain nobody else does until the stream is back, or
    // each command of a session would wait anew.
    if (!waiting_.empty() && waiting_.front().until <= now) waited_in_vain_ = true;
    while (!waiting_.empty() && waited_in_vain_) {
      const uint64_t id = waiting_.front().part.id();
      news[id % ends_.size()].results.push_back(
          FailedResult(id, absl::UnavailableError("no connection to the storage service")));
      waiting_.pop_front();
    }
    Clock::time_point next = reopen_at_;
    if (!waiting_.empty()) next = std::min(next, waiting_.front().until);
    open = !alive_ && reopen_at_ <= now;
    if (!open && next != Clock::time_point::max()) {
      timer_.expires_at(next);
      timer_.async_wait([this](asio::error_code error) {
        if (!error) Tick();
      });
    }
  }
  for (size_t i = 0; i < ends_.size(); ++i) {
    if (!news[i].results.empty()) ends_[i]->Receive(std::move(news[i]));
  }
  if (open) {
    OpenStream();
    asio::post(timers_, [this] { Tick(); });
  }
}

void DeliveryLink::OnResults(v1::DeliverStreamResponse response) {
  std::vector<News> news(ends_.size());
  for (v1::DeliveryResult& result : *response.mutable_results()) {
    if (result.id() == kProbeId) {
      OnProbeAnswered();
    } else {
      news[result.id() % ends_.size()].results.push_back(std::move(result));
    }
  }
  for (size_t i = 0; i < ends_.size(); ++i) {
    if (!news[i].results.empty()) ends_[i]->Receive(std::move(news[i]));
  }
}

void DeliveryLink::OnProbeAnswered() {
  absl::AnyInvocable<void() &&> on_first_up;
  Stream* stream = nullptr;
  bool was_down = false;
  {
    absl::MutexLock lock(&mutex_);
    up_ = true;
    waited_in_vain_ = false;
    pause_ = kFirstPause;
    was_down = std::exchange(outage_logged_, false);
    on_first_up = std::exchange(on_first_up_, nullptr);
    stream = BeginWrite();
  }
  if (was_down) LogInfo(kLinkComponent, "Connected again to the storage service");
  if (stream != nullptr) stream->StartWrite(&stream->request);
  if (on_first_up) std::move(on_first_up)();
}

DeliveryLink::AfterWrite DeliveryLink::OnWritten() {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  stream_->request = v1::DeliverStreamRequest();
  // Decided here: once the lock is free another thread may write, and its end may come
  // before the caller goes on. When reading has ended nobody does.
  return {BeginWrite(), stream_->reads_ended_};
}

void DeliveryLink::OnEnded(const absl::Status& status) {
  std::vector<News> news(ends_.size());
  bool log = false;
  bool stopping = false;
  {
    absl::MutexLock lock(&mutex_);
    up_ = false;
    writing_ = false;
    reopen_at_ = Clock::now() + pause_;
    pause_ = std::min(2 * pause_, kLongestPause);
    stopping = stopping_;
    log = !stopping && !std::exchange(outage_logged_, true);
    for (size_t i = 0; i < ends_.size(); ++i) news[i].lost_below = written_below_[i];
  }
  if (log) LogWarning(kLinkComponent, "Lost the storage service", {{"error", status}});
  for (size_t i = 0; i < ends_.size(); ++i) ends_[i]->Receive(std::move(news[i]));
  if (!stopping) asio::post(timers_, [this] { Tick(); });
  // The reactor dies here, with its share of the channel: were that the last one, gRPC
  // would end its threads from one of them. Only then may the destructor go on.
  std::unique_ptr<Stream> ended;
  {
    absl::MutexLock lock(&mutex_);
    ended = std::move(stream_);
  }
  ended.reset();
  absl::MutexLock lock(&mutex_);
  alive_ = false;
}

}  // namespace restante::lmtp
