#include "storage-service/rpc/maildrop_service.h"

#include <utility>

#include "common/config.h"
#include "storage-service/rpc/exchange_stream.h"
#include "storage-service/rpc/login_call.h"
#include "storage-service/rpc/maildrop_calls.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {
namespace {

Task<absl::Status> UnaryRows(ServiceContext* context, v1::RowsRequest* request,
                             v1::RowsResponse* response) {
  return Rows(&context->store.maildrops(), request, response);
}

Task<absl::Status> UnaryCommit(ServiceContext* context, v1::CommitRequest* request,
                               v1::CommitResponse* response) {
  return Commit(&context->store.maildrops(), request, response);
}

Task<absl::Status> UnaryClose(ServiceContext* context, v1::CloseRequest* request,
                              v1::CloseResponse* /*response*/) {
  return Close(&context->store.maildrops(), request);
}

Task<absl::Status> UnaryMarkRetrieved(ServiceContext* context,
                                      v1::MarkRetrievedRequest* request,
                                      v1::MarkRetrievedResponse* /*response*/) {
  return MarkRetrieved(&context->store.maildrops(), request);
}

Task<absl::Status> Renew(ServiceContext* context, v1::RenewRequest* request,
                         v1::RenewResponse* response) {
  const absl::StatusOr<absl::Duration> lease =
      context->store.maildrops().Renew(request->session_token());
  if (lease.ok()) *response->mutable_lease() = restante::ToProto(*lease);
  co_return lease.status();
}

}  // namespace

void MaildropService::Serve(ServiceContext& context, StreamLimits limits) {
  using Methods = v1::MaildropService::AsyncService;
  ExchangeStream::Serve(context, methods_, limits);
  ServeLogin(context, methods_, &Methods::RequestLogin, "Login", Login);
  ServeLogin(context, methods_, &Methods::RequestOpen, "Open", Open);
  ServeUnary(context, methods_, &Methods::RequestRows, "Rows", UnaryRows);
  ServeUnary(context, methods_, &Methods::RequestCommit, "Commit", UnaryCommit);
  ServeUnary(context, methods_, &Methods::RequestClose, "Close", UnaryClose);
  ServeUnary(context, methods_, &Methods::RequestRenew, "Renew", Renew);
  ServeUnary(context, methods_, &Methods::RequestMarkRetrieved, "MarkRetrieved",
             UnaryMarkRetrieved);
}

}  // namespace restante::rpc
