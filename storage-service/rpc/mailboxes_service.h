// MailboxesService: mailboxes and their messages, for IMAP services and operators.
#pragma once

#include "restante/v1/mailboxes.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class MailboxesService final : public v1::MailboxesService::CallbackService {
 public:
  explicit MailboxesService(ServiceContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* ListMailboxes(grpc::CallbackServerContext* call,
                                          const v1::ListMailboxesRequest* request,
                                          v1::ListMailboxesResponse* response) override;
  grpc::ServerUnaryReactor* GetMailbox(grpc::CallbackServerContext* call,
                                       const v1::GetMailboxRequest* request,
                                       v1::GetMailboxResponse* response) override;
  grpc::ServerUnaryReactor* ListMessages(grpc::CallbackServerContext* call,
                                         const v1::ListMessagesRequest* request,
                                         v1::ListMessagesResponse* response) override;
  grpc::ServerWriteReactor<v1::FetchMessagesResponse>* FetchMessages(
      grpc::CallbackServerContext* call, const v1::FetchMessagesRequest* request) override;

 private:
  ServiceContext& context_;
};

}  // namespace restante::rpc
