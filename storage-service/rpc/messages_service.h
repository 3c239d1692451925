// MessagesService: bodies for a maildrop session.
#pragma once

#include "restante/v1/messages.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class MessagesService final : public v1::MessagesService::CallbackService {
 public:
  explicit MessagesService(ServiceContext& context) : context_(context) {}

  grpc::ServerWriteReactor<v1::ReadResponse>* Read(grpc::CallbackServerContext* call,
                                                   const v1::ReadRequest* request) override;

 private:
  ServiceContext& context_;
};

}  // namespace restante::rpc
