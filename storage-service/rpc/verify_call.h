// One Verify call: passes findings on as the scan meets them. The scan doesn't wait
// for a slow client; what such a client can't take in time is left out beyond a
// bound, and a last finding says how much. The summary counts all of them.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <deque>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "restante/v1/admin.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

// Findings that may wait for the client.
inline constexpr size_t kMostWaitingFindings = 10'000;

// Deletes itself when gRPC is done with the call, which isn't before the scan is
// over, whether or not the client still listens.
class VerifyCall final : public grpc::ServerWriteReactor<v1::VerifyResponse> {
 public:
  static VerifyCall* Start(ServiceContext& context, bool read_bodies);

  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  explicit VerifyCall(ServiceContext& context);

  void Report(store::VerifyFinding finding) ABSL_LOCKS_EXCLUDED(mutex_);
  void End(absl::StatusOr<store::VerifySummary> summary) ABSL_LOCKS_EXCLUDED(mutex_);
  // Writes what waits, or finishes the call after the last of it. The call may be
  // gone when this returns.
  void Advance() ABSL_LOCKS_EXCLUDED(mutex_);

  ServiceContext& context_;
  const WorkTracker::Hold hold_;
  v1::VerifyResponse written_;  // gRPC's while writing_

  absl::Mutex mutex_;
  std::deque<v1::VerifyResponse> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::rpc
