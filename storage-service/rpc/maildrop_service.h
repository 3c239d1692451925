// MaildropService: Exchange, which ExchangeStream carries out, and the unary forms of
// its operations.
#pragma once

#include "restante/v1/maildrop.grpc.pb.h"
#include "storage-service/rpc/batched_stream.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class MaildropService {
 public:
  grpc::Service* service() { return &methods_; }

  // Takes calls from now on. The server has been built.
  void Serve(ServiceContext& context, StreamLimits limits);

 private:
  v1::MaildropService::AsyncService methods_;
};

}  // namespace restante::rpc
