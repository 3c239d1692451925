// AccountsService: the directory, for operators and provisioning.
#pragma once

#include "restante/v1/accounts.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class AccountsService final : public v1::AccountsService::CallbackService {
 public:
  explicit AccountsService(ServiceContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* CreateAccount(grpc::CallbackServerContext* call,
                                          const v1::CreateAccountRequest* request,
                                          v1::CreateAccountResponse* response) override;
  grpc::ServerUnaryReactor* GetAccount(grpc::CallbackServerContext* call,
                                       const v1::GetAccountRequest* request,
                                       v1::GetAccountResponse* response) override;
  grpc::ServerUnaryReactor* ListAccounts(grpc::CallbackServerContext* call,
                                         const v1::ListAccountsRequest* request,
                                         v1::ListAccountsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateAccount(grpc::CallbackServerContext* call,
                                          const v1::UpdateAccountRequest* request,
                                          v1::UpdateAccountResponse* response) override;
  grpc::ServerUnaryReactor* SetPassword(grpc::CallbackServerContext* call,
                                        const v1::SetPasswordRequest* request,
                                        v1::SetPasswordResponse* response) override;
  grpc::ServerUnaryReactor* DeleteAccount(grpc::CallbackServerContext* call,
                                          const v1::DeleteAccountRequest* request,
                                          v1::DeleteAccountResponse* response) override;
  grpc::ServerReadReactor<v1::ImportAccountsRequest>* ImportAccounts(
      grpc::CallbackServerContext* call, v1::ImportAccountsResponse* response) override;

 private:
  ServiceContext& context_;
};

}  // namespace restante::rpc
