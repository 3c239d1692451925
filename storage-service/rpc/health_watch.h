// One Watch call of grpc.health.v1.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <optional>

#include "storage-service/rpc/completion_thread.h"
#include "storage-service/rpc/health_service.h"

namespace restante::rpc {

// Deletes itself when gRPC has given all its tags back.
class HealthWatch {
 public:
  // Takes calls for as long as the server runs.
  static void Serve(ServiceContext& context, HealthService& health);

  // Writes the status if it isn't what the client knows, and ends the call after
  // the last status.
  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(health_.mutex_);

 private:
  HealthWatch(ServiceContext& context, HealthService& health);

  void OnCall(bool ok) ABSL_LOCKS_EXCLUDED(health_.mutex_);
  void OnWritten(bool ok) ABSL_LOCKS_EXCLUDED(health_.mutex_);
  void OnFinished(bool ok) ABSL_LOCKS_EXCLUDED(health_.mutex_);
  void OnDone(bool ok) ABSL_LOCKS_EXCLUDED(health_.mutex_);
  void TagReturned() ABSL_LOCKS_EXCLUDED(health_.mutex_);

  WorkTracker::Hold hold_;  // released last
  ServiceContext& context_;
  HealthService& health_;
  grpc::ServerContext call_;
  grpc::health::v1::HealthCheckRequest request_;
  grpc::ServerAsyncWriter<grpc::health::v1::HealthCheckResponse> stream_;
  MemberCompletion<HealthWatch> call_tag_{this, &HealthWatch::OnCall};
  MemberCompletion<HealthWatch> written_tag_{this, &HealthWatch::OnWritten};
  MemberCompletion<HealthWatch> finished_tag_{this, &HealthWatch::OnFinished};
  MemberCompletion<HealthWatch> done_tag_{this, &HealthWatch::OnDone};

  int tags_out_ ABSL_GUARDED_BY(health_.mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(health_.mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(health_.mutex_) = false;
  std::optional<int> told_ ABSL_GUARDED_BY(health_.mutex_);
};

}  // namespace restante::rpc
