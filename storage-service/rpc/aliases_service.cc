#include "storage-service/rpc/aliases_service.h"

#include <string>
#include <utility>
#include <vector>

#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {
namespace {

template <typename Response>
absl::Status AnswerAlias(absl::StatusOr<store::AliasInfo> alias, Response* response) {
  if (!alias.ok()) return alias.status();
  ToProto(*std::move(alias), response->mutable_alias());
  return absl::OkStatus();
}

Task<absl::Status> AddAlias(ServiceContext* context, v1::AddAliasRequest* request,
                            v1::AddAliasResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::vector<std::string> targets = FromProto(std::move(*request->mutable_targets()));
  auto alias =
      co_await context->store.aliases().AddAlias(std::move(address), std::move(targets));
  co_return AnswerAlias(std::move(alias), response);
}

Task<absl::Status> RemoveAlias(ServiceContext* context, v1::RemoveAliasRequest* request,
                               v1::RemoveAliasResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::vector<std::string> targets = FromProto(std::move(*request->mutable_targets()));
  auto alias =
      co_await context->store.aliases().RemoveAlias(std::move(address), std::move(targets));
  co_return AnswerAlias(std::move(alias), response);
}

Task<absl::Status> GetAlias(ServiceContext* context, v1::GetAliasRequest* request,
                            v1::GetAliasResponse* response) {
  std::string address = std::move(*request->mutable_address());
  auto alias = co_await context->store.aliases().GetAlias(std::move(address));
  co_return AnswerAlias(std::move(alias), response);
}

Task<absl::Status> ListAliases(ServiceContext* context, v1::ListAliasesRequest* request,
                               v1::ListAliasesResponse* response) {
  const absl::StatusOr<uint32_t> size = Limit("page_size", request->page_size(), 1000, 1000);
  if (!size.ok()) co_return size.status();
  std::string token = std::move(*request->mutable_page_token());
  auto page = co_await context->store.aliases().ListAliases(std::move(token), *size);
  if (!page.ok()) co_return page.status();
  for (store::AliasInfo& alias : page->aliases) {
    ToProto(std::move(alias), response->add_aliases());
  }
  response->set_next_page_token(std::move(page->next_page_token));
  co_return absl::OkStatus();
}

}  // namespace

void AliasesService::Serve(ServiceContext& context) {
  using Methods = v1::AliasesService::AsyncService;
  ServeUnary(context, methods_, &Methods::RequestAddAlias, "AddAlias", AddAlias);
  ServeUnary(context, methods_, &Methods::RequestRemoveAlias, "RemoveAlias", RemoveAlias);
  ServeUnary(context, methods_, &Methods::RequestGetAlias, "GetAlias", GetAlias);
  ServeUnary(context, methods_, &Methods::RequestListAliases, "ListAliases", ListAliases);
}

}  // namespace restante::rpc
