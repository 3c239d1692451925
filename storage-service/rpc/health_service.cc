#include "storage-service/rpc/health_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/rpc/health_watch.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {

void HealthService::Serve(ServiceContext& context) {
  ServeUnary(context, methods_, &Methods::RequestCheck, "Check",
             [this](ServiceContext*, grpc::health::v1::HealthCheckRequest* request,
                    Status* response) { return Check(request, response); });
  HealthWatch::Serve(context, *this);
}

Task<absl::Status> HealthService::Check(grpc::health::v1::HealthCheckRequest* request,
                                        Status* response) {
  absl::MutexLock lock(&mutex_);
  response->set_status(StatusOf(request->service()));
  if (response->status() == Status::SERVICE_UNKNOWN) {
    co_return absl::NotFoundError(absl::StrCat("no such service here: ", request->service()));
  }
  co_return absl::OkStatus();
}

HealthService::Status::ServingStatus HealthService::StatusOf(const std::string& service) const {
  if (!service.empty() && !services_.contains(service)) return Status::SERVICE_UNKNOWN;
  return serving_ ? Status::SERVING : Status::NOT_SERVING;
}

void HealthService::BeginServing() {
  absl::MutexLock lock(&mutex_);
  serving_ = true;
  for (HealthWatch* watch : watches_) watch->Tell();
}

void HealthService::EndServing() {
  absl::MutexLock lock(&mutex_);
  serving_ = false;
  ended_ = true;
  for (HealthWatch* watch : watches_) watch->Tell();
}

}  // namespace restante::rpc
