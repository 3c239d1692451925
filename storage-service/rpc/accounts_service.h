// AccountsService: the directory, for operators and provisioning.
#pragma once

#include "restante/v1/accounts.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class AccountsService {
 public:
  grpc::Service* service() { return &methods_; }

  // Takes calls from now on. The server has been built.
  void Serve(ServiceContext& context);

 private:
  v1::AccountsService::AsyncService methods_;
};

}  // namespace restante::rpc
