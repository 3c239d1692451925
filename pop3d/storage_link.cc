#include "pop3d/storage_link.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "asio/post.hpp"
#include "common/log.h"

namespace restante::pop3 {
namespace {

constexpr char kLinkComponent[] = "pop3-storage";
constexpr std::chrono::seconds kStopTimeout(2);
// Between tries that the service refuses or drops.
constexpr std::chrono::milliseconds kFirstPause(100);
constexpr std::chrono::seconds kLongestPause(1);

}  // namespace

StorageLink::StorageLink(asio::io_context& control, const LinkOptions& options,
                         std::shared_ptr<grpc::Channel> exchange_channel,
                         std::shared_ptr<grpc::Channel> body_channel)
    : control_(control),
      options_(options),
      exchange_channel_(std::move(exchange_channel)),
      body_channel_(std::move(body_channel)),
      maildrops_(v1::MaildropService::NewStub(exchange_channel_)),
      messages_(v1::MessagesService::NewStub(body_channel_)),
      retry_(control),
      beat_(control),
      stop_deadline_(control),
      work_(asio::make_work_guard(control)) {}

StorageLink::~StorageLink() = default;

LinkPort& StorageLink::AddPort(asio::io_context& context, Deadlines& deadlines) {
  const auto index = static_cast<uint32_t>(ports_.size() + 1);
  ports_.push_back(std::make_unique<LinkPort>(index, context, deadlines, options_, *messages_));
  sorted_.emplace_back();
  return *ports_.back();
}

void StorageLink::Start(std::function<void()> on_first_up) {
  on_first_up_ = std::move(on_first_up);
  Connect();
  AwaitBeat();
}

void StorageLink::AwaitBeat() {
  beat_.expires_after(options_.heartbeat);
  beat_.async_wait([this](asio::error_code error) {
    if (error || (stopping_ && stream_ == nullptr)) return;
    if (stream_ != nullptr) stream_->Beat();
    AwaitBeat();
  });
}

void StorageLink::Connect() {
  stream_ = ExchangeStream::Start(*maildrops_, *this, absl::FromChrono(options_.heartbeat));
  // A stream tells of its success only by an answer. This one is about no session
  // at all, and whatever the service says to it will do.
  v1::Operation probe;
  probe_id_ += LinkPort::kIdStep;
  probe.set_id(probe_id_);
  probe.mutable_close();
  stream_->Enqueue(std::move(probe));
  stream_->Flush();
}

void StorageLink::OnResults(v1::ExchangeResponse& response) {
  if (response.has_announcement()) {
    for (const auto& port : ports_) port->PostAnnouncement(response.announcement());
  }
  for (v1::Result& result : *response.mutable_results()) {
    const uint64_t port = LinkPort::PortOf(result.id());
    if (port == 0) {
      asio::post(control_, [this, id = result.id()] { HandleProbeAnswer(id); });
    } else if (port <= sorted_.size()) {
      sorted_[port - 1].push_back(std::move(result));
    }
  }
  for (size_t i = 0; i < sorted_.size(); ++i) {
    if (!sorted_[i].empty()) ports_[i]->Deliver(&sorted_[i]);
  }
}

void StorageLink::HandleProbeAnswer(uint64_t id) {
  if (id != probe_id_ || stream_ == nullptr || stopping_) return;
  up_ = true;
  up_since_ = std::chrono::steady_clock::now();
  if (reported_down_ || on_first_up_)
    LogInfo(kLinkComponent, "Connected to the storage service");
  reported_down_ = false;
  for (const auto& port : ports_) port->PostUp(stream_);
  if (on_first_up_) std::exchange(on_first_up_, nullptr)();
}

void StorageLink::OnBroken(std::shared_ptr<ExchangeStream> stream, const absl::Status& status,
                           std::vector<uint64_t> unsent) {
  asio::post(control_, [this, stream = std::move(stream), status, unsent = std::move(unsent)] {
    HandleBreak(status, unsent);
  });
}

void StorageLink::HandleBreak(const absl::Status& status, const std::vector<uint64_t>& unsent) {
  stream_.reset();
  // A service that takes streams and drops them isn't worth hurrying for.
  if (up_ && std::chrono::steady_clock::now() - up_since_ > TimeSpan(kLongestPause)) {
    pause_ = TimeSpan(0);
  }
  up_ = false;
  for (const auto& port : ports_) port->PostDown(unsent);
  if (stopping_) {
    CompleteStop();
    return;
  }
  if (!reported_down_) {
    reported_down_ = true;
    LogWarning(kLinkComponent, "The storage service is away", {{"reason", status}});
  }
  if (pause_ == TimeSpan(0)) {
    pause_ = kFirstPause;
    Connect();
    return;
  }
  retry_.expires_after(pause_);
  pause_ = std::min(pause_ * 2, TimeSpan(kLongestPause));
  retry_.async_wait([this](asio::error_code error) {
    if (!error && !stopping_) Connect();
  });
}

void StorageLink::Stop(std::function<void()> on_stopped) {
  stopping_ = true;
  on_stopped_ = std::move(on_stopped);
  retry_.cancel();
  if (stream_ == nullptr) {
    CompleteStop();
    return;
  }
  stream_->Finish();
  stop_deadline_.expires_after(kStopTimeout);
  stop_deadline_.async_wait([this](asio::error_code error) {
    if (!error && stream_ != nullptr) stream_->Cancel();
  });
}

void StorageLink::CompleteStop() {
  stop_deadline_.cancel();
  beat_.cancel();
  work_.reset();
  if (on_stopped_) std::exchange(on_stopped_, nullptr)();
}

}  // namespace restante::pop3
