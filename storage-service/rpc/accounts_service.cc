#include "storage-service/rpc/accounts_service.h"

#include <utility>

#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/import_call.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {
namespace {

// Answers with the account that the store gave, in any response that has one.
template <typename Response>
absl::Status Answer(const absl::StatusOr<store::AccountInfo>& account, Response* response) {
  if (!account.ok()) return account.status();
  ToProto(*account, response->mutable_account());
  return absl::OkStatus();
}

Task<absl::Status> Create(store::Accounts* accounts, const v1::CreateAccountRequest* request,
                          v1::CreateAccountResponse* response) {
  store::NewAccount wanted = FromProto(*request);
  auto account = co_await accounts->Create(std::move(wanted));
  co_return Answer(account, response);
}

Task<absl::Status> Get(store::Accounts* accounts, const v1::GetAccountRequest* request,
                       v1::GetAccountResponse* response) {
  std::string address = request->address();
  auto account = co_await accounts->Get(std::move(address));
  co_return Answer(account, response);
}

Task<absl::Status> List(store::Accounts* accounts, const v1::ListAccountsRequest* request,
                        v1::ListAccountsResponse* response) {
  const absl::StatusOr<uint32_t> size = Limit("page_size", request->page_size(), 1000, 10'000);
  if (!size.ok()) co_return size.status();
  std::string token = request->page_token();
  auto page = co_await accounts->List(std::move(token), *size);
  if (!page.ok()) co_return page.status();
  for (const store::AccountInfo& account : page->accounts) {
    ToProto(account, response->add_accounts());
  }
  response->set_next_page_token(std::move(page->next_page_token));
  co_return absl::OkStatus();
}

Task<absl::Status> Update(store::Accounts* accounts, const v1::UpdateAccountRequest* request,
                          v1::UpdateAccountResponse* response) {
  const absl::StatusOr<store::AccountChange> change = ChangeOf(*request);
  if (!change.ok()) co_return change.status();
  std::string address = request->account().address();
  auto account = co_await accounts->Update(std::move(address), *change);
  co_return Answer(account, response);
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::CreateAccount(
    grpc::CallbackServerContext* call, const v1::CreateAccountRequest* request,
    v1::CreateAccountResponse* response) {
  return RunUnary(context_, call, "CreateAccount", "",
                  Create(&context_.store.accounts(), request, response));
}

grpc::ServerUnaryReactor* AccountsService::GetAccount(grpc::CallbackServerContext* call,
                                                      const v1::GetAccountRequest* request,
                                                      v1::GetAccountResponse* response) {
  return RunUnary(context_, call, "GetAccount", "",
                  Get(&context_.store.accounts(), request, response));
}

grpc::ServerUnaryReactor* AccountsService::ListAccounts(grpc::CallbackServerContext* call,
                                                        const v1::ListAccountsRequest* request,
                                                        v1::ListAccountsResponse* response) {
  return RunUnary(context_, call, "ListAccounts", "",
                  List(&context_.store.accounts(), request, response));
}

grpc::ServerUnaryReactor* AccountsService::UpdateAccount(
    grpc::CallbackServerContext* call, const v1::UpdateAccountRequest* request,
    v1::UpdateAccountResponse* response) {
  return RunUnary(context_, call, "UpdateAccount", "",
                  Update(&context_.store.accounts(), request, response));
}

grpc::ServerUnaryReactor* AccountsService::SetPassword(grpc::CallbackServerContext* call,
                                                       const v1::SetPasswordRequest* request,
                                                       v1::SetPasswordResponse* /*response*/) {
  return RunUnary(context_, call, "SetPassword", "",
                  context_.store.accounts().SetPassword(request->address(),
                                                        FromProto(request->credential())));
}

grpc::ServerUnaryReactor* AccountsService::DeleteAccount(
    grpc::CallbackServerContext* call, const v1::DeleteAccountRequest* request,
    v1::DeleteAccountResponse* /*response*/) {
  return RunUnary(context_, call, "DeleteAccount", "",
                  context_.store.accounts().Delete(request->address()));
}

grpc::ServerReadReactor<v1::ImportAccountsRequest>* AccountsService::ImportAccounts(
    grpc::CallbackServerContext* /*call*/, v1::ImportAccountsResponse* response) {
  return new ImportCall(context_, response);
}

}  // namespace restante::rpc
