#include "tests/bench/api_delivery.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "common/grpc_channel.h"
#include "restante/v1/delivery.grpc.pb.h"
#include "tests/bench/connection.h"

namespace restante::bench {
namespace {

using Clock = std::chrono::steady_clock;
namespace v1 = restante::v1;

// One stream. gRPC's threads call it; what is written waits for the write before, so that
// all that was answered meanwhile leaves in one message, as a delivery agent's would.
class DeliveryStream final
    : public grpc::ClientBidiReactor<v1::DeliverStreamRequest, v1::DeliverStreamResponse> {
 public:
  DeliveryStream(const DeliveryPlan& plan, const Messages& messages, size_t index,
                 std::atomic<uint64_t>* next_number, absl::BlockingCounter* running)
      : plan_(plan),
        messages_(messages),
        first_user_(index * plan.under_way),
        next_number_(next_number),
        running_(running),
        stub_(v1::DeliveryService::NewStub(OpenChannel(plan.server))) {}

  void Begin() {
    stub_->async()->DeliverStream(&context_, this);
    StartCall();
    StartRead(&response_);
    absl::MutexLock lock(&mutex_);
    for (size_t slot = 0; slot < plan_.under_way; ++slot) Submit(slot);
    WriteWaiting();
  }

  void AddTo(Delivered* delivered) {
    absl::MutexLock lock(&mutex_);
    delivered->messages += measured_;
    for (const auto& [user, number] : answered_) delivered->numbers[user].push_back(number);
  }

 private:
  struct Slot {
    std::string user;
    uint64_t number = 0;
  };

  void OnReadDone(bool ok) override {
    if (!ok) return;  // OnDone says why
    const Clock::time_point now = Clock::now();
    absl::MutexLock lock(&mutex_);
    for (const v1::DeliveryResult& result : response_.results()) {
      if (!result.has_delivered() || result.delivered().results_size() != 1 ||
          result.delivered().results(0).status().code() != 0) {
        InvalidRun("a delivery was answered " + result.ShortDebugString());
      }
      const auto slot = under_way_.find(result.id());
      if (slot == under_way_.end()) InvalidRun("an answer to what wasn't sent");
      answered_.emplace_back(slot->second.user, slot->second.number);
      under_way_.erase(slot);
      if (now >= plan_.measured_from && now < plan_.until) ++measured_;
      if (now < plan_.until) Submit(result.id());
    }
    WriteWaiting();
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (ok) WriteWaiting();
  }

  void OnDone(const grpc::Status& status) override {
    if (!status.ok()) InvalidRun("DeliverStream: " + status.error_message());
    running_->DecrementCount();
  }

  void Submit(uint64_t slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const Slot next{plan_.users[(first_user_ + slot) % plan_.users.size()], (*next_number_)++};
    v1::DeliveryPart* const part = waiting_.add_parts();
    part->set_id(slot);
    part->mutable_envelope()->set_sender("ada.ferri@example.org");
    part->mutable_envelope()->add_recipients(next.user);
    part->set_data(messages_.Plain({next.user, next.number}));
    part->set_last(true);
    under_way_[slot] = next;
  }

  void WriteWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || ended_) return;
    if (waiting_.parts_size() > 0) {
      writing_ = true;
      request_.Swap(&waiting_);
      waiting_.Clear();
      StartWrite(&request_);
    } else if (under_way_.empty()) {
      ended_ = true;
      StartWritesDone();
    }
  }

  const DeliveryPlan& plan_;
  const Messages& messages_;
  const size_t first_user_;
  std::atomic<uint64_t>* const next_number_;
  absl::BlockingCounter* const running_;
  const std::unique_ptr<v1::DeliveryService::Stub> stub_;
  grpc::ClientContext context_;
  v1::DeliverStreamRequest request_;  // while it is being written
  v1::DeliverStreamResponse response_;
  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  v1::DeliverStreamRequest waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Slot> under_way_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, uint64_t>> answered_ ABSL_GUARDED_BY(mutex_);
  uint64_t measured_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

Delivered DeliverOverStreams(const DeliveryPlan& plan, const Messages& messages) {
  std::atomic<uint64_t> next_number{1};
  absl::BlockingCounter running(static_cast<int>(plan.streams));
  std::vector<std::unique_ptr<DeliveryStream>> streams;
  for (size_t i = 0; i < plan.streams; ++i) {
    streams.push_back(
        std::make_unique<DeliveryStream>(plan, messages, i, &next_number, &running));
    streams.back()->Begin();
  }
  running.Wait();
  Delivered delivered;
  for (const auto& stream : streams) stream->AddTo(&delivered);
  return delivered;
}

}  // namespace restante::bench
