#include "storage-service/rpc/maildrop_service.h"

#include <utility>

#include "common/config.h"
#include "storage-service/rpc/maildrop_calls.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {
namespace {

// The operations move strings out of their request, and gRPC's is const.
template <typename Request, typename Response, typename Operation>
Task<absl::Status> OnCopy(store::Maildrops* maildrops, const Request* request,
                          Response* response, Operation operation) {
  Request copy = *request;
  absl::Status status = co_await operation(maildrops, &copy, response);
  co_return status;
}

Task<absl::Status> Done(absl::Status status) { co_return status; }

}  // namespace

grpc::ServerUnaryReactor* MaildropService::Login(grpc::CallbackServerContext* call,
                                                 const v1::LoginRequest* request,
                                                 v1::LoginResponse* response) {
  const auto login = [](store::Maildrops* maildrops, v1::LoginRequest* copy,
                        v1::LoginResponse* answer) {
    return rpc::Login(maildrops, store::kUnaryLease, copy, answer);
  };
  return RunUnary(context_, call, "Login", request->client().request_id(),
                  OnCopy(&context_.store.maildrops(), request, response, login));
}

grpc::ServerUnaryReactor* MaildropService::Open(grpc::CallbackServerContext* call,
                                                const v1::OpenRequest* request,
                                                v1::OpenResponse* response) {
  const auto open = [](store::Maildrops* maildrops, v1::OpenRequest* copy,
                       v1::OpenResponse* answer) {
    return rpc::Open(maildrops, store::kUnaryLease, copy, answer);
  };
  return RunUnary(context_, call, "Open", request->client().request_id(),
                  OnCopy(&context_.store.maildrops(), request, response, open));
}

grpc::ServerUnaryReactor* MaildropService::Rows(grpc::CallbackServerContext* call,
                                                const v1::RowsRequest* request,
                                                v1::RowsResponse* response) {
  return RunUnary(context_, call, "Rows", "",
                  OnCopy(&context_.store.maildrops(), request, response, rpc::Rows));
}

grpc::ServerUnaryReactor* MaildropService::Commit(grpc::CallbackServerContext* call,
                                                  const v1::CommitRequest* request,
                                                  v1::CommitResponse* response) {
  return RunUnary(context_, call, "Commit", "",
                  OnCopy(&context_.store.maildrops(), request, response, rpc::Commit));
}

grpc::ServerUnaryReactor* MaildropService::Close(grpc::CallbackServerContext* call,
                                                 const v1::CloseRequest* request,
                                                 v1::CloseResponse* /*response*/) {
  return RunUnary(context_, call, "Close", "",
                  Done(context_.store.maildrops().Close(request->session_token())));
}

grpc::ServerUnaryReactor* MaildropService::Renew(grpc::CallbackServerContext* call,
                                                 const v1::RenewRequest* request,
                                                 v1::RenewResponse* response) {
  const absl::StatusOr<absl::Duration> lease =
      context_.store.maildrops().Renew(request->session_token());
  if (lease.ok()) *response->mutable_lease() = restante::ToProto(*lease);
  return RunUnary(context_, call, "Renew", "", Done(lease.status()));
}

}  // namespace restante::rpc
