#include "storage-service/rpc/authenticator_service.h"

#include <string>
#include <utility>

#include "common/config.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {
namespace {

Task<absl::Status> Authenticate(ServiceContext* context,
                                v1::AuthenticatePasswordRequest* request,
                                v1::AuthenticatePasswordResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::string password = std::move(*request->mutable_password());
  store::ClientInfo client = FromProto(request->client());
  auto authenticated = co_await context->store.accounts().AuthenticatePassword(
      std::move(address), std::move(password), std::move(client));
  if (!authenticated.ok()) co_return authenticated.status();
  response->set_auth_token(std::move(authenticated->auth_token));
  *response->mutable_lifetime() = restante::ToProto(authenticated->lifetime);
  response->set_account_id(authenticated->account.ToHex());
  response->set_address(std::move(authenticated->address));
  co_return absl::OkStatus();
}

}  // namespace

void AuthenticatorService::Serve(ServiceContext& context) {
  using Methods = v1::AuthenticatorService::AsyncService;
  ServeUnary(context, methods_, &Methods::RequestAuthenticatePassword, "AuthenticatePassword",
             Authenticate);
}

}  // namespace restante::rpc
