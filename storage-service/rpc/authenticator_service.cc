#include "storage-service/rpc/authenticator_service.h"

#include <utility>

#include "common/config.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {
namespace {

Task<absl::Status> Authenticate(store::Accounts* accounts,
                                const v1::AuthenticatePasswordRequest* request,
                                v1::AuthenticatePasswordResponse* response) {
  std::string address = request->address();
  std::string password = request->password();
  store::ClientInfo client = FromProto(request->client());
  auto authenticated = co_await accounts->AuthenticatePassword(
      std::move(address), std::move(password), std::move(client));
  if (!authenticated.ok()) co_return authenticated.status();
  response->set_auth_token(std::move(authenticated->auth_token));
  *response->mutable_lifetime() = restante::ToProto(authenticated->lifetime);
  response->set_account_id(authenticated->account.ToHex());
  response->set_address(std::move(authenticated->address));
  co_return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AuthenticatorService::AuthenticatePassword(
    grpc::CallbackServerContext* call, const v1::AuthenticatePasswordRequest* request,
    v1::AuthenticatePasswordResponse* response) {
  return RunUnary(context_, call, "AuthenticatePassword", request->client().request_id(),
                  Authenticate(&context_.store.accounts(), request, response));
}

}  // namespace restante::rpc
