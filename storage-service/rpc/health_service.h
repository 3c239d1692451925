// grpc.health.v1: whether the server and its services serve. They all do or none
// does, so one status stands for all. gRPC brings a service of this kind along, but
// with threads of its own that wait for sockets (see completion_thread.h).
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class HealthService {
 public:
  using Methods = grpc::health::v1::Health::AsyncService;

  // `services` are the names that Check and Watch know, besides the empty one.
  explicit HealthService(const std::vector<std::string>& services)
      : services_(services.begin(), services.end()) {}

  grpc::Service* service() { return &methods_; }
  void Serve(ServiceContext& context);

  // SERVING; before that, NOT_SERVING.
  void BeginServing() ABSL_LOCKS_EXCLUDED(mutex_);
  // NOT_SERVING, for good: watchers are told, and their calls end.
  void EndServing() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class HealthWatch;
  using Status = grpc::health::v1::HealthCheckResponse;

  Task<absl::Status> Check(grpc::health::v1::HealthCheckRequest* request, Status* response);
  Status::ServingStatus StatusOf(const std::string& service) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const absl::flat_hash_set<std::string> services_;
  Methods methods_;

  absl::Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<class HealthWatch*> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::rpc
