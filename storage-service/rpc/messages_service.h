// MessagesService: bodies for a maildrop session.
#pragma once

#include "restante/v1/messages.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class MessagesService {
 public:
  grpc::Service* service() { return &methods_; }

  // Takes calls from now on. The server has been built.
  void Serve(ServiceContext& context);

 private:
  v1::MessagesService::AsyncService methods_;
};

}  // namespace restante::rpc
