// What clients do with mailboxes themselves, for MailboxesService.
#pragma once

#include "absl/status/status.h"
#include "restante/v1/mailboxes.pb.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

Task<absl::Status> CreateMailbox(ServiceContext* context, v1::CreateMailboxRequest* request,
                                 v1::CreateMailboxResponse* response);
Task<absl::Status> RenameMailbox(ServiceContext* context, v1::RenameMailboxRequest* request,
                                 v1::RenameMailboxResponse* response);
Task<absl::Status> DeleteMailbox(ServiceContext* context, v1::DeleteMailboxRequest* request,
                                 v1::DeleteMailboxResponse* response);
Task<absl::Status> SetSpecialUse(ServiceContext* context, v1::SetSpecialUseRequest* request,
                                 v1::SetSpecialUseResponse* response);
Task<absl::Status> SetSubscribed(ServiceContext* context, v1::SetSubscribedRequest* request,
                                 v1::SetSubscribedResponse* response);

}  // namespace restante::rpc
