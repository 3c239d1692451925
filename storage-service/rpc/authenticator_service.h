// AuthenticatorService: who may log in.
#pragma once

#include "restante/v1/authenticator.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class AuthenticatorService {
 public:
  grpc::Service* service() { return &methods_; }

  // Takes calls from now on. The server has been built.
  void Serve(ServiceContext& context);

 private:
  v1::AuthenticatorService::AsyncService methods_;
};

}  // namespace restante::rpc
