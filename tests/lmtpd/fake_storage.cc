#include "tests/lmtpd/fake_storage.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/grpc_status.h"

namespace restante::lmtp {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

absl::Status Lookup(const std::map<std::string, absl::Status>& answers,
                    const std::string& recipient) {
  const auto found = answers.find(recipient);
  return found == answers.end() ? absl::OkStatus() : found->second;
}

}  // namespace

FakeStorage::FakeStorage() { Start(); }

FakeStorage::~FakeStorage() { Stop(); }

void FakeStorage::Start() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = false;
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials(), &port_);
  // As the real one: it takes the keep-alives of common/grpc_channel.h.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr);
}

void FakeStorage::Stop() {
  if (server_ == nullptr) return;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  server_->Shutdown(absl::ToChronoTime(absl::Now()));
  server_->Wait();
  server_.reset();
}

void FakeStorage::AnswerChecks(const std::string& recipient, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  check_answers_[recipient] = std::move(status);
}

void FakeStorage::AnswerDeliveries(const std::string& recipient, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  delivery_answers_[recipient] = std::move(status);
}

void FakeStorage::HoldReading() {
  absl::MutexLock lock(&mutex_);
  hold_reading_ = true;
}

void FakeStorage::HoldAnswers() {
  absl::MutexLock lock(&mutex_);
  hold_answers_ = true;
}

void FakeStorage::Resume() {
  absl::MutexLock lock(&mutex_);
  hold_reading_ = false;
  hold_answers_ = false;
}

void FakeStorage::BreakAfter(size_t octets) {
  absl::MutexLock lock(&mutex_);
  break_after_ = octets;
}

void FakeStorage::RefuseEarly(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  refuse_early_ = std::move(status);
}

std::vector<FakeStorage::Delivery> FakeStorage::Deliveries(size_t at_least) {
  absl::MutexLock lock(&mutex_);
  const auto enough = [&] {
    mutex_.AssertHeld();
    return deliveries_.size() >= at_least;
  };
  EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience));
  return deliveries_;
}

void FakeStorage::AwaitUnanswered(size_t at_least) {
  absl::MutexLock lock(&mutex_);
  const auto enough = [&] {
    mutex_.AssertHeld();
    return unanswered_ >= at_least;
  };
  EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience));
}

std::vector<v1::CheckRecipientsRequest> FakeStorage::Checks() {
  absl::MutexLock lock(&mutex_);
  return checks_;
}

int FakeStorage::messages() {
  absl::MutexLock lock(&mutex_);
  return messages_;
}

int FakeStorage::parts() {
  absl::MutexLock lock(&mutex_);
  return parts_;
}

int FakeStorage::streams() {
  absl::MutexLock lock(&mutex_);
  return streams_;
}

uint64_t FakeStorage::octets() {
  absl::MutexLock lock(&mutex_);
  return octets_;
}

size_t FakeStorage::largest_part() {
  absl::MutexLock lock(&mutex_);
  return largest_part_;
}

grpc::Status FakeStorage::DeliverStream(grpc::ServerContext* /*context*/, Stream* stream) {
  {
    absl::MutexLock lock(&mutex_);
    ++streams_;
  }
  std::map<uint64_t, Delivery> open;
  v1::DeliverStreamRequest request;
  while (stream->Read(&request)) {
    v1::DeliverStreamResponse response;
    {
      absl::MutexLock lock(&mutex_);
      const bool probe = request.parts_size() == 1 && request.parts(0).has_check() &&
                         request.parts(0).check().recipients().empty();
      if (!probe) {
        ++messages_;
        parts_ += request.parts_size();
      }
      for (const v1::DeliveryPart& part : request.parts()) {
        if (!Take(part, &open, &response)) {
          return grpc::Status(grpc::StatusCode::UNAVAILABLE, "broken as told");
        }
      }
      if (!probe && !response.results().empty()) {
        unanswered_ += static_cast<size_t>(response.results_size());
        const auto may_answer = [&] {
          mutex_.AssertHeld();
          return !hold_answers_ || stopping_;
        };
        mutex_.Await(absl::Condition(&may_answer));
        unanswered_ -= static_cast<size_t>(response.results_size());
        if (hold_answers_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "stopped");
      }
      const auto may_read = [&] {
        mutex_.AssertHeld();
        return !hold_reading_ || stopping_ || open.empty();
      };
      mutex_.Await(absl::Condition(&may_read));
    }
    if (!response.results().empty()) stream->Write(response);
  }
  return grpc::Status::OK;
}

bool FakeStorage::Take(const v1::DeliveryPart& part, std::map<uint64_t, Delivery>* open,
                       v1::DeliverStreamResponse* response) {
  if (part.has_check()) {
    v1::DeliveryResult& result = *response->add_results();
    result.set_id(part.id());
    v1::CheckRecipientsResponse& checked = *result.mutable_checked();
    for (const std::string& recipient : part.check().recipients()) {
      *checked.add_statuses() = ToRpcStatus(Lookup(check_answers_, recipient));
    }
    if (!part.check().recipients().empty()) checks_.push_back(part.check());
    return true;
  }
  if (part.abort()) {
    open->erase(part.id());
    return true;
  }
  Delivery& delivery = (*open)[part.id()];
  if (part.has_envelope()) delivery.envelope = part.envelope();
  delivery.message += part.data();
  ++delivery.parts;
  octets_ += part.data().size();
  largest_part_ = std::max(largest_part_, part.data().size());
  if (break_after_ > 0 && delivery.message.size() >= break_after_) {
    break_after_ = 0;
    return false;
  }
  if (!refuse_early_.ok()) {
    v1::DeliveryResult& result = *response->add_results();
    result.set_id(part.id());
    *result.mutable_error() = ToRpcStatus(std::exchange(refuse_early_, absl::OkStatus()));
    open->erase(part.id());
    return true;
  }
  if (!part.last()) return true;
  v1::DeliveryResult& result = *response->add_results();
  result.set_id(part.id());
  Answer(delivery, &result);
  deliveries_.push_back(std::move(delivery));
  open->erase(part.id());
  return true;
}

void FakeStorage::Answer(const Delivery& delivery, v1::DeliveryResult* result) {
  for (const std::string& recipient : delivery.envelope.recipients()) {
    *result->mutable_delivered()->add_results()->mutable_status() =
        ToRpcStatus(Lookup(delivery_answers_, recipient));
  }
}

}  // namespace restante::lmtp
