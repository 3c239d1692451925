#include "storage-service/rpc/service_context.h"

#include "common/errors.h"
#include "common/log.h"

namespace restante::rpc {
namespace {

enum class Fault { kClient, kService, kRoom };

Fault FaultOf(const absl::Status& status) {
  switch (ReasonOf(status)) {
    case v1::ERROR_REASON_STORE_FAILURE:
    case v1::ERROR_REASON_CORRUPT:
      return Fault::kService;
    case v1::ERROR_REASON_UNSPECIFIED:
      return absl::IsCancelled(status) || absl::IsNotFound(status) ? Fault::kClient
                                                                   : Fault::kService;
    case v1::ERROR_REASON_STORE_FULL:
    case v1::ERROR_REASON_OVERLOADED:
      return Fault::kRoom;
    default:
      return Fault::kClient;
  }
}

}  // namespace

WorkTracker::Hold::Hold(WorkTracker* tracker) : tracker_(tracker) {
  absl::MutexLock lock(&tracker_->mutex_);
  ++tracker_->under_way_;
}

WorkTracker::Hold::~Hold() {
  if (tracker_ == nullptr) return;
  absl::MutexLock lock(&tracker_->mutex_);
  --tracker_->under_way_;
}

void WorkTracker::AwaitIdle() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int64_t* under_way) { return *under_way == 0; }, &under_way_));
}

std::map<std::string, double> Counters::Values() const {
  return {
      {"rpc_calls_total", static_cast<double>(calls)},
      {"rpc_failures_total", static_cast<double>(failed_calls)},
      {"rpc_service_failures_total", static_cast<double>(service_failures)},
      {"rpc_stream_messages_received_total", static_cast<double>(stream_messages_received)},
      {"rpc_stream_messages_sent_total", static_cast<double>(stream_messages_sent)},
      {"rpc_stream_operations_total", static_cast<double>(stream_operations)},
      {"rpc_stream_responses_total", static_cast<double>(stream_responses)},
      {"rpc_exchange_streams", static_cast<double>(exchange_streams)},
      {"rpc_deliver_streams", static_cast<double>(deliver_streams)},
  };
}

void ServiceContext::NoteResult(absl::string_view method, absl::string_view request_id,
                                const absl::Status& status) {
  if (status.ok()) return;
  counters.failed_calls.fetch_add(1, std::memory_order_relaxed);
  switch (FaultOf(status)) {
    case Fault::kService:
      counters.service_failures.fetch_add(1, std::memory_order_relaxed);
      LogError("rpc", "Failed",
               {{"method", method}, {"request_id", request_id}, {"error", status}});
      break;
    case Fault::kRoom:
      LogWarning("rpc", "Refused",
                 {{"method", method}, {"request_id", request_id}, {"error", status}});
      break;
    case Fault::kClient:
      if (!LogEnabled(LogLevel::kDebug)) break;
      LogDebug("rpc", "Refused",
               {{"method", method}, {"request_id", request_id}, {"error", status}});
      break;
  }
}

}  // namespace restante::rpc
