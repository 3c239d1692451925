#include "storage-service/rpc/mailboxes_service.h"

#include <utility>

#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/read_call.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {
namespace {

Task<absl::Status> List(store::Mailboxes* mailboxes, const v1::ListMailboxesRequest* request,
                        v1::ListMailboxesResponse* response) {
  std::string address = request->address();
  auto list = co_await mailboxes->List(std::move(address));
  if (!list.ok()) co_return list.status();
  for (const store::MailboxStatus& status : *list) ToProto(status, response->add_mailboxes());
  co_return absl::OkStatus();
}

Task<absl::Status> Get(store::Mailboxes* mailboxes, const v1::GetMailboxRequest* request,
                       v1::GetMailboxResponse* response) {
  std::string address = request->address();
  std::string mailbox = request->mailbox();
  auto status = co_await mailboxes->Get(std::move(address), std::move(mailbox));
  if (!status.ok()) co_return status.status();
  ToProto(*status, response->mutable_status());
  co_return absl::OkStatus();
}

Task<absl::Status> ListRows(store::Mailboxes* mailboxes, const v1::ListMessagesRequest* request,
                            v1::ListMessagesResponse* response) {
  const absl::StatusOr<uint32_t> limit = Limit("limit", request->limit(), 1024, 4096);
  if (!limit.ok()) co_return limit.status();
  std::string address = request->address();
  std::string mailbox = request->mailbox();
  auto page = co_await mailboxes->ListMessages(std::move(address), std::move(mailbox),
                                               request->after_uid(), *limit);
  if (!page.ok()) co_return page.status();
  for (store::MessageRow& row : page->rows) ToProto(std::move(row), response->add_rows());
  response->set_end(page->end);
  co_return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* MailboxesService::ListMailboxes(
    grpc::CallbackServerContext* call, const v1::ListMailboxesRequest* request,
    v1::ListMailboxesResponse* response) {
  return RunUnary(context_, call, "ListMailboxes", "",
                  List(&context_.store.mailboxes(), request, response));
}

grpc::ServerUnaryReactor* MailboxesService::GetMailbox(grpc::CallbackServerContext* call,
                                                       const v1::GetMailboxRequest* request,
                                                       v1::GetMailboxResponse* response) {
  return RunUnary(context_, call, "GetMailbox", "",
                  Get(&context_.store.mailboxes(), request, response));
}

grpc::ServerUnaryReactor* MailboxesService::ListMessages(grpc::CallbackServerContext* call,
                                                         const v1::ListMessagesRequest* request,
                                                         v1::ListMessagesResponse* response) {
  return RunUnary(context_, call, "ListMessages", "",
                  ListRows(&context_.store.mailboxes(), request, response));
}

grpc::ServerWriteReactor<v1::FetchMessagesResponse>* MailboxesService::FetchMessages(
    grpc::CallbackServerContext* call, const v1::FetchMessagesRequest* request) {
  absl::StatusOr<std::vector<store::ReadPart>> parts = FromProto(request->parts());
  if (!parts.ok()) {
    return ReadCall<v1::FetchMessagesResponse>::Refuse(context_, call, "FetchMessages",
                                                       parts.status());
  }
  const size_t count = parts->size();
  return ReadCall<v1::FetchMessagesResponse>::Start(
      context_, call, "FetchMessages", count,
      context_.store.messages().Fetch(request->address(), request->mailbox(),
                                      *std::move(parts)));
}

}  // namespace restante::rpc
