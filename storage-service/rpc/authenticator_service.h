// AuthenticatorService: who may log in.
#pragma once

#include "restante/v1/authenticator.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class AuthenticatorService final : public v1::AuthenticatorService::CallbackService {
 public:
  explicit AuthenticatorService(ServiceContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* AuthenticatePassword(
      grpc::CallbackServerContext* call, const v1::AuthenticatePasswordRequest* request,
      v1::AuthenticatePasswordResponse* response) override;

 private:
  ServiceContext& context_;
};

}  // namespace restante::rpc
