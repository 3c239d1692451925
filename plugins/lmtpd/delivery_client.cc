#include "plugins/lmtpd/delivery_client.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "asio/async_result.hpp"
#include "asio/post.hpp"
#include "asio/use_awaitable.hpp"
#include "common/grpc_status.h"

namespace restante::lmtp {
namespace {

v1::DeliveryResult Failed(const absl::Status& status) {
  v1::DeliveryResult result;
  *result.mutable_error() = ToRpcStatus(status);
  return result;
}

}  // namespace

std::vector<absl::Status> StatusesOf(const v1::DeliveryResult& result, size_t recipients) {
  std::vector<absl::Status> statuses;
  statuses.reserve(recipients);
  if (result.has_error()) {
    absl::Status error = FromRpcStatus(result.error());
    if (error.ok()) error = absl::InternalError("an error without a code");
    return std::vector<absl::Status>(recipients, error);
  }
  for (const google::rpc::Status& status : result.checked().statuses()) {
    statuses.push_back(FromRpcStatus(status));
  }
  for (const v1::RecipientResult& one : result.delivered().results()) {
    statuses.push_back(FromRpcStatus(one.status()));
  }
  if (statuses.size() == recipients) return statuses;
  return std::vector<absl::Status>(recipients,
                                   absl::InternalError("an answer for other recipients"));
}

DeliveryClient::DeliveryClient(asio::io_context& io, DeadlineQueue& deadlines, size_t index,
                               size_t count, std::chrono::milliseconds answer_within)
    : io_(io),
      count_(count),
      answer_within_(answer_within),
      next_id_(DeliveryLink::kFirstRound * count + index),
      oldest_(deadlines, [this] { Expire(); }) {}

asio::awaitable<std::vector<absl::Status>> DeliveryClient::Check(
    v1::CheckRecipientsRequest request) {
  const auto recipients = static_cast<size_t>(request.recipients_size());
  v1::DeliveryPart part;
  *part.mutable_check() = std::move(request);
  const v1::DeliveryResult result = co_await Ask(std::move(part));
  co_return StatusesOf(result, recipients);
}

asio::awaitable<std::vector<absl::Status>> DeliveryClient::Deliver(v1::Envelope envelope,
                                                                   std::string message) {
  const auto recipients = static_cast<size_t>(envelope.recipients_size());
  v1::DeliveryPart part;
  *part.mutable_envelope() = std::move(envelope);
  *part.mutable_data() = std::move(message);
  part.set_last(true);
  const v1::DeliveryResult result = co_await Ask(std::move(part));
  co_return StatusesOf(result, recipients);
}

asio::awaitable<v1::DeliveryResult> DeliveryClient::Ask(v1::DeliveryPart part) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(v1::DeliveryResult)>(
      [this](auto handler, v1::DeliveryPart question) {
        Start(std::move(question), std::move(handler));
      },
      asio::use_awaitable, std::move(part));
}

void DeliveryClient::Start(v1::DeliveryPart part, Answer answer) {
  if (stopped_) {
    // Not from here: the caller is about to suspend.
    asio::post(io_, [answer = std::move(answer)]() mutable {
      std::move(answer)(Failed(absl::UnavailableError("shutting down")));
    });
    return;
  }
  const uint64_t id = next_id_;
  next_id_ += count_;
  part.set_id(id);
  const auto until = DeadlineQueue::Clock::now() + answer_within_;
  if (pending_.empty()) oldest_.Set(answer_within_);
  pending_.emplace_hint(pending_.end(), id, Pending{std::move(answer), until});
  outbox_.push_back(std::move(part));
  if (outbox_.size() == 1) asio::post(io_, [this] { Flush(); });
}

void DeliveryClient::Flush() {
  if (!outbox_.empty()) link_->Send(std::exchange(outbox_, {}));
}

void DeliveryClient::Receive(DeliveryLink::News news) {
  {
    absl::MutexLock lock(&mutex_);
    inbox_.lost_below = std::max(inbox_.lost_below, news.lost_below);
    if (inbox_.results.empty()) {
      inbox_.results = std::move(news.results);
    } else {
      std::move(news.results.begin(), news.results.end(), std::back_inserter(inbox_.results));
    }
    if (std::exchange(take_posted_, true)) return;
  }
  asio::post(io_, [this] { TakeNews(); });
}

void DeliveryClient::TakeNews() {
  DeliveryLink::News news;
  {
    absl::MutexLock lock(&mutex_);
    news = std::exchange(inbox_, {});
    take_posted_ = false;
  }
  for (v1::DeliveryResult& result : news.results) {
    const auto found = pending_.find(result.id());
    if (found == pending_.end()) continue;  // timed out before
    Answer answer = std::move(found->second.answer);
    pending_.erase(found);
    std::move(answer)(std::move(result));
  }
  FailBelow(news.lost_below, absl::UnavailableError("lost the storage service"));
}

void DeliveryClient::Expire() {
  const auto now = DeadlineQueue::Clock::now();
  while (!pending_.empty() && pending_.begin()->second.until <= now) {
    const uint64_t id = pending_.begin()->first;
    link_->Withdraw(id);
    FailBelow(id + 1, absl::UnavailableError("the storage service takes too long"));
  }
  if (!pending_.empty()) oldest_.Set(pending_.begin()->second.until - now);
}

void DeliveryClient::FailBelow(uint64_t id, const absl::Status& status) {
  while (!pending_.empty() && pending_.begin()->first < id) {
    Answer answer = std::move(pending_.begin()->second.answer);
    pending_.erase(pending_.begin());
    std::move(answer)(Failed(status));
  }
}

void DeliveryClient::Stop() {
  stopped_ = true;
  outbox_.clear();
  FailBelow(std::numeric_limits<uint64_t>::max(), absl::UnavailableError("shutting down"));
  oldest_.Clear();
}

}  // namespace restante::lmtp
