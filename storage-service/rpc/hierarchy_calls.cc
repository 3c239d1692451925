#include "storage-service/rpc/hierarchy_calls.h"

#include <string>
#include <utility>
#include <vector>

#include "storage-service/rpc/convert.h"

namespace restante::rpc {

Task<absl::Status> CreateMailbox(ServiceContext* context, v1::CreateMailboxRequest* request,
                                 v1::CreateMailboxResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  std::vector<std::string> uses = FromProto(std::move(*request->mutable_special_use()));
  auto status = co_await context->store.mailboxes().Create(std::move(address),
                                                           std::move(mailbox), std::move(uses));
  if (!status.ok()) co_return status.status();
  ToProto(*status, response->mutable_status());
  co_return absl::OkStatus();
}

Task<absl::Status> RenameMailbox(ServiceContext* context, v1::RenameMailboxRequest* request,
                                 v1::RenameMailboxResponse* /*response*/) {
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  std::string new_name = std::move(*request->mutable_new_name());
  absl::Status renamed = co_await context->store.mailboxes().Rename(
      std::move(address), std::move(mailbox), std::move(new_name));
  co_return renamed;
}

Task<absl::Status> DeleteMailbox(ServiceContext* context, v1::DeleteMailboxRequest* request,
                                 v1::DeleteMailboxResponse* /*response*/) {
  // Nobody deletes by leaving something out.
  if (request->mailbox().empty()) co_return InvalidRequest("mailbox: is empty");
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  absl::Status deleted =
      co_await context->store.mailboxes().Delete(std::move(address), std::move(mailbox));
  co_return deleted;
}

Task<absl::Status> SetSpecialUse(ServiceContext* context, v1::SetSpecialUseRequest* request,
                                 v1::SetSpecialUseResponse* /*response*/) {
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  std::vector<std::string> uses = FromProto(std::move(*request->mutable_special_use()));
  absl::Status set = co_await context->store.mailboxes().SetSpecialUse(
      std::move(address), std::move(mailbox), std::move(uses));
  co_return set;
}

Task<absl::Status> SetSubscribed(ServiceContext* context, v1::SetSubscribedRequest* request,
                                 v1::SetSubscribedResponse* /*response*/) {
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  absl::Status set = co_await context->store.mailboxes().SetSubscribed(
      std::move(address), std::move(mailbox), request->subscribed());
  co_return set;
}

}  // namespace restante::rpc
