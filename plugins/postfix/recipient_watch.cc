#include "plugins/postfix/recipient_watch.h"

#include <memory>
#include <utility>

#include "asio/post.hpp"
#include "common/grpc_status.h"
#include "common/log.h"

namespace restante::postfix {
namespace {

constexpr absl::Duration kPause = absl::Seconds(1);
// A storage service of a release that has no watch may be replaced by one that has.
constexpr absl::Duration kPauseWithoutWatch = absl::Minutes(1);
constexpr size_t kMostAddresses = 256;

}  // namespace

RecipientWatch::RecipientWatch(v1::DeliveryService::Stub& storage,
                               asio::any_io_executor executor, OnChange on_change)
    : storage_(storage), executor_(std::move(executor)), on_change_(std::move(on_change)) {
  thread_ = std::thread([this] { Run(); });
}

RecipientWatch::~RecipientWatch() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    if (call_ != nullptr) call_->TryCancel();
  }
  thread_.join();
}

void RecipientWatch::Run() {
  bool told = false;
  while (true) {
    const grpc::Status status = Follow();
    const bool no_watch = status.error_code() == grpc::StatusCode::UNIMPLEMENTED;
    if (!Pause(no_watch ? kPauseWithoutWatch : kPause)) return;
    if (no_watch && !std::exchange(told, true)) {
      LogWarning("mta-lookup",
                 "The storage service tells no changes of recipients: what is remembered of "
                 "them ends with its lifetime");
    }
  }
}

grpc::Status RecipientWatch::Follow() {
  grpc::ClientContext call;
  call.set_wait_for_ready(true);
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return grpc::Status::CANCELLED;
    call_ = &call;
  }
  const auto stream = storage_.WatchRecipients(&call, v1::WatchRecipientsRequest());
  v1::WatchRecipientsResponse news;
  while (stream->Read(&news)) Tell(news);
  grpc::Status status = stream->Finish();
  absl::MutexLock lock(&mutex_);
  call_ = nullptr;
  return status;
}

void RecipientWatch::Tell(const v1::WatchRecipientsResponse& news) {
  {
    absl::MutexLock lock(&pending_->mutex);
    for (const std::string& address : news.addresses()) pending_->addresses.insert(address);
    pending_->everything |= news.everything() || pending_->addresses.size() > kMostAddresses;
    if (pending_->everything) pending_->addresses.clear();
    if (std::exchange(pending_->posted, true)) return;
  }
  asio::post(executor_, [pending = pending_, on_change = on_change_] {
    std::vector<std::string> addresses;
    {
      absl::MutexLock lock(&pending->mutex);
      pending->posted = false;
      if (!std::exchange(pending->everything, false)) {
        addresses.assign(pending->addresses.begin(), pending->addresses.end());
      }
      pending->addresses.clear();
    }
    on_change(addresses);
  });
}

bool RecipientWatch::Pause(absl::Duration time) {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stopped_), time);
  return !stopped_;
}

}  // namespace restante::postfix
