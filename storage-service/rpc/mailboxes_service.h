// MailboxesService: mailboxes and their messages, for IMAP services and operators.
#pragma once

#include "restante/v1/mailboxes.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class MailboxesService {
 public:
  grpc::Service* service() { return &methods_; }

  // Takes calls from now on. The server has been built.
  void Serve(ServiceContext& context);

 private:
  v1::MailboxesService::AsyncService methods_;
};

}  // namespace restante::rpc
