// AdminService: what an operator asks of the service as a whole.
#pragma once

#include "restante/v1/admin.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class AdminService final : public v1::AdminService::CallbackService {
 public:
  explicit AdminService(ServiceContext& context) : context_(context) {}

  grpc::ServerWriteReactor<v1::VerifyResponse>* Verify(
      grpc::CallbackServerContext* call, const v1::VerifyRequest* request) override;
  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* call,
                                     const v1::GetStatsRequest* request,
                                     v1::GetStatsResponse* response) override;

 private:
  ServiceContext& context_;
};

}  // namespace restante::rpc
