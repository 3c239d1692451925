#include "storage-service/rpc/accounts_service.h"

#include <optional>
#include <string>
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

Task<absl::Status> Create(ServiceContext* context, v1::CreateAccountRequest* request,
                          v1::CreateAccountResponse* response) {
  store::NewAccount wanted = FromProto(*request);
  auto account = co_await context->store.accounts().Create(std::move(wanted));
  co_return Answer(account, response);
}

Task<absl::Status> Get(ServiceContext* context, v1::GetAccountRequest* request,
                       v1::GetAccountResponse* response) {
  std::string address = std::move(*request->mutable_address());
  auto account = co_await context->store.accounts().Get(std::move(address));
  co_return Answer(account, response);
}

Task<absl::Status> List(ServiceContext* context, v1::ListAccountsRequest* request,
                        v1::ListAccountsResponse* response) {
  const absl::StatusOr<uint32_t> size = Limit("page_size", request->page_size(), 1000, 10'000);
  if (!size.ok()) co_return size.status();
  std::string token = std::move(*request->mutable_page_token());
  auto page = co_await context->store.accounts().List(std::move(token), *size);
  if (!page.ok()) co_return page.status();
  for (const store::AccountInfo& account : page->accounts) {
    ToProto(account, response->add_accounts());
  }
  response->set_next_page_token(std::move(page->next_page_token));
  co_return absl::OkStatus();
}

Task<absl::Status> Update(ServiceContext* context, v1::UpdateAccountRequest* request,
                          v1::UpdateAccountResponse* response) {
  const absl::StatusOr<store::AccountChange> change = ChangeOf(*request);
  if (!change.ok()) co_return change.status();
  std::string address = std::move(*request->mutable_account()->mutable_address());
  auto account = co_await context->store.accounts().Update(std::move(address), *change);
  co_return Answer(account, response);
}

Task<absl::Status> SetPassword(ServiceContext* context, v1::SetPasswordRequest* request,
                               v1::SetPasswordResponse* /*response*/) {
  return context->store.accounts().SetPassword(std::move(*request->mutable_address()),
                                               FromProto(request->credential()));
}

Task<absl::Status> Delete(ServiceContext* context, v1::DeleteAccountRequest* request,
                          v1::DeleteAccountResponse* /*response*/) {
  std::string address = std::move(*request->mutable_address());
  absl::Status deleted = co_await context->store.accounts().Delete(std::move(address));
  if (!deleted.ok() || !request->purge()) co_return deleted;
  absl::Status purged = co_await context->store.Purge();
  co_return purged;
}

Task<absl::Status> Rename(ServiceContext* context, v1::RenameAccountRequest* request,
                          v1::RenameAccountResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::string new_address = std::move(*request->mutable_new_address());
  auto account = co_await context->store.accounts().Rename(
      std::move(address), std::move(new_address), request->keep_alias());
  co_return Answer(account, response);
}

Task<absl::Status> SetDomainQuota(ServiceContext* context, v1::SetDomainQuotaRequest* request,
                                  v1::SetDomainQuotaResponse* response) {
  const absl::StatusOr<store::DomainQuotaChange> change = ChangeOf(*request);
  if (!change.ok()) co_return change.status();
  std::string domain = std::move(*request->mutable_domain_quota()->mutable_domain());
  const auto set =
      co_await context->store.accounts().SetDomainQuota(std::move(domain), *change);
  if (!set.ok()) co_return set.status();
  ToProto(*set, response->mutable_domain_quota());
  co_return absl::OkStatus();
}

Task<absl::Status> ListDomainQuotas(ServiceContext* context,
                                    v1::ListDomainQuotasRequest* request,
                                    v1::ListDomainQuotasResponse* response) {
  std::string domain = std::move(*request->mutable_domain());
  const auto quotas = co_await context->store.accounts().ListDomainQuotas(std::move(domain));
  if (!quotas.ok()) co_return quotas.status();
  ToProto(*quotas, response);
  co_return absl::OkStatus();
}

Task<absl::Status> SetDomainFiling(ServiceContext* context, v1::SetDomainFilingRequest* request,
                                   v1::SetDomainFilingResponse* response) {
  const v1::DomainFiling& wanted = request->domain_filing();
  std::optional<store::FilingRules> rules;
  if (wanted.has_rules()) {
    absl::StatusOr<store::FilingRules> given = FromProto(wanted.rules());
    if (!given.ok()) co_return given.status();
    rules = *std::move(given);
  }
  std::string domain = wanted.domain();
  const auto set =
      co_await context->store.accounts().SetDomainFiling(std::move(domain), std::move(rules));
  if (!set.ok()) co_return set.status();
  ToProto(*set, response->mutable_domain_filing());
  co_return absl::OkStatus();
}

Task<absl::Status> ListDomainFiling(ServiceContext* context,
                                    v1::ListDomainFilingRequest* request,
                                    v1::ListDomainFilingResponse* response) {
  std::string domain = std::move(*request->mutable_domain());
  const auto listed = co_await context->store.accounts().ListDomainFiling(std::move(domain));
  if (!listed.ok()) co_return listed.status();
  for (const store::DomainFiling& filing : *listed) ToProto(filing, response->add_domains());
  co_return absl::OkStatus();
}

Task<absl::Status> SetDomainPolicy(ServiceContext* context, v1::SetDomainPolicyRequest* request,
                                   v1::SetDomainPolicyResponse* response) {
  absl::StatusOr<store::Pop3PolicyChange> change = ChangeOf(*request);
  if (!change.ok()) co_return change.status();
  std::string domain = std::move(*request->mutable_domain());
  const auto set =
      co_await context->store.accounts().SetDomainPolicy(std::move(domain), *std::move(change));
  if (!set.ok()) co_return set.status();
  ToProto(*set, response->mutable_domain_policy());
  co_return absl::OkStatus();
}

Task<absl::Status> ListDomainPolicies(ServiceContext* context,
                                      v1::ListDomainPoliciesRequest* request,
                                      v1::ListDomainPoliciesResponse* response) {
  std::string domain = std::move(*request->mutable_domain());
  const auto policies =
      co_await context->store.accounts().ListDomainPolicies(std::move(domain));
  if (!policies.ok()) co_return policies.status();
  ToProto(*policies, response);
  co_return absl::OkStatus();
}

}  // namespace

void AccountsService::Serve(ServiceContext& context) {
  using Methods = v1::AccountsService::AsyncService;
  ServeUnary(context, methods_, &Methods::RequestCreateAccount, "CreateAccount", Create);
  ServeUnary(context, methods_, &Methods::RequestGetAccount, "GetAccount", Get);
  ServeUnary(context, methods_, &Methods::RequestListAccounts, "ListAccounts", List);
  ServeUnary(context, methods_, &Methods::RequestUpdateAccount, "UpdateAccount", Update);
  ServeUnary(context, methods_, &Methods::RequestSetPassword, "SetPassword", SetPassword);
  ServeUnary(context, methods_, &Methods::RequestDeleteAccount, "DeleteAccount", Delete);
  ServeUnary(context, methods_, &Methods::RequestSetDomainPolicy, "SetDomainPolicy",
             SetDomainPolicy);
  ServeUnary(context, methods_, &Methods::RequestListDomainPolicies, "ListDomainPolicies",
             ListDomainPolicies);
  ServeUnary(context, methods_, &Methods::RequestRenameAccount, "RenameAccount", Rename);
  ServeUnary(context, methods_, &Methods::RequestSetDomainQuota, "SetDomainQuota",
             SetDomainQuota);
  ServeUnary(context, methods_, &Methods::RequestListDomainQuotas, "ListDomainQuotas",
             ListDomainQuotas);
  ServeUnary(context, methods_, &Methods::RequestSetDomainFiling, "SetDomainFiling",
             SetDomainFiling);
  ServeUnary(context, methods_, &Methods::RequestListDomainFiling, "ListDomainFiling",
             ListDomainFiling);
  ImportCall::Serve(context, methods_);
}

}  // namespace restante::rpc
