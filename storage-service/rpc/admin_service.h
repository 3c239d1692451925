// AdminService: what an operator asks of the service as a whole.
#pragma once

#include "restante/v1/admin.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class AdminService {
 public:
  grpc::Service* service() { return &methods_; }

  // Takes calls from now on. The server has been built.
  void Serve(ServiceContext& context);

 private:
  v1::AdminService::AsyncService methods_;
};

}  // namespace restante::rpc
