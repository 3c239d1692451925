// AliasesService: addresses that lead to accounts, for operators and provisioning.
#pragma once

#include "restante/v1/aliases.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class AliasesService {
 public:
  grpc::Service* service() { return &methods_; }

  // Takes calls from now on. The server has been built.
  void Serve(ServiceContext& context);

 private:
  v1::AliasesService::AsyncService methods_;
};

}  // namespace restante::rpc
