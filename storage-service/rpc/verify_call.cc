#include "storage-service/rpc/verify_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/grpc_status.h"
#include "storage-service/rpc/convert.h"

namespace restante::rpc {

VerifyCall::VerifyCall(ServiceContext& context)
    : context_(context), hold_(context.work.Begin()) {
  context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
}

VerifyCall* VerifyCall::Start(ServiceContext& context, bool read_bodies) {
  auto* call = new VerifyCall(context);
  Spawn<absl::StatusOr<store::VerifySummary>>(
      context.store.Verify(
          read_bodies,
          [call](store::VerifyFinding finding) { call->Report(std::move(finding)); }),
      [call](absl::StatusOr<store::VerifySummary> summary) { call->End(std::move(summary)); });
  return call;
}

void VerifyCall::Report(store::VerifyFinding finding) {
  {
    absl::MutexLock lock(&mutex_);
    if (broken_) return;
    if (waiting_.size() >= kMostWaitingFindings) {
      ++left_out_;
      return;
    }
    ToProto(std::move(finding), waiting_.emplace_back().mutable_finding());
  }
  Advance();
}

void VerifyCall::End(absl::StatusOr<store::VerifySummary> summary) {
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    status_ = summary.status();
    if (left_out_ > 0) {
      ToProto(store::VerifyFinding{.is_error = true,
                                   .where = "verify",
                                   .message =
                                       absl::StrCat(left_out_,
                                                    " more findings were not sent: they came "
                                                    "faster than they were read")},
              waiting_.emplace_back().mutable_finding());
    }
    if (summary.ok()) ToProto(*summary, waiting_.emplace_back().mutable_summary());
    context_.NoteResult("Verify", "", status_);
  }
  Advance();
}

void VerifyCall::OnWriteDone(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) {
      broken_ = true;
      waiting_.clear();
    }
  }
  Advance();
}

void VerifyCall::Advance() {
  grpc::Status status;
  {
    absl::MutexLock lock(&mutex_);
    if (writing_ || finished_) return;
    if (!waiting_.empty()) {
      written_ = std::move(waiting_.front());
      waiting_.pop_front();
      writing_ = true;
      StartWrite(&written_);
      return;
    }
    if (!ended_) return;
    finished_ = true;
    status = ToGrpcStatus(status_);
  }
  // The last touch: gRPC may delete the call at once.
  Finish(std::move(status));
}

}  // namespace restante::rpc
