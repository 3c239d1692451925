// MaildropService: the unary forms of its operations. Exchange is served by
// ExchangeStream.
#pragma once

#include "storage-service/rpc/exchange_stream.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class MaildropService final : public AsyncExchange {
 public:
  explicit MaildropService(ServiceContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* Login(grpc::CallbackServerContext* call,
                                  const v1::LoginRequest* request,
                                  v1::LoginResponse* response) override;
  grpc::ServerUnaryReactor* Open(grpc::CallbackServerContext* call,
                                 const v1::OpenRequest* request,
                                 v1::OpenResponse* response) override;
  grpc::ServerUnaryReactor* Rows(grpc::CallbackServerContext* call,
                                 const v1::RowsRequest* request,
                                 v1::RowsResponse* response) override;
  grpc::ServerUnaryReactor* Commit(grpc::CallbackServerContext* call,
                                   const v1::CommitRequest* request,
                                   v1::CommitResponse* response) override;
  grpc::ServerUnaryReactor* Close(grpc::CallbackServerContext* call,
                                  const v1::CloseRequest* request,
                                  v1::CloseResponse* response) override;
  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* call,
                                  const v1::RenewRequest* request,
                                  v1::RenewResponse* response) override;

 private:
  ServiceContext& context_;
};

}  // namespace restante::rpc
