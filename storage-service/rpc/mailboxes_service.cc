#include "storage-service/rpc/mailboxes_service.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage-service/rpc/append_call.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/convert_mailboxes.h"
#include "storage-service/rpc/hierarchy_calls.h"
#include "storage-service/rpc/send_frames.h"
#include "storage-service/rpc/unary_call.h"
#include "storage-service/rpc/watch_call.h"

namespace restante::rpc {
namespace {

constexpr int kMostAppendIds = 10'000;

Task<absl::Status> ListMailboxesOf(ServiceContext* context, v1::ListMailboxesRequest* request,
                                   v1::ListMailboxesResponse* response) {
  auto list = co_await context->store.mailboxes().List(request->address());
  if (!list.ok()) co_return list.status();
  std::string address = std::move(*request->mutable_address());
  auto subscriptions = co_await context->store.mailboxes().Subscriptions(std::move(address));
  if (!subscriptions.ok()) co_return subscriptions.status();
  for (const store::MailboxStatus& status : *list) ToProto(status, response->add_mailboxes());
  for (std::string& name : *subscriptions) response->add_subscriptions(std::move(name));
  co_return absl::OkStatus();
}

Task<absl::Status> GetMailbox(ServiceContext* context, v1::GetMailboxRequest* request,
                              v1::GetMailboxResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  auto status = co_await context->store.mailboxes().Get(std::move(address), std::move(mailbox));
  if (!status.ok()) co_return status.status();
  ToProto(*status, response->mutable_status());
  co_return absl::OkStatus();
}

Task<absl::Status> ListRows(ServiceContext* context, v1::ListMessagesRequest* request,
                            v1::ListMessagesResponse* response) {
  const absl::StatusOr<uint32_t> limit = Limit("limit", request->limit(), 1024, 4096);
  if (!limit.ok()) co_return limit.status();
  const absl::StatusOr<RowFields> fields = RowFieldsOf(request->fields());
  if (!fields.ok()) co_return fields.status();
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  store::RowQuery query{FromProto(request->uids()), request->after_uid(),
                        request->after_modseq(), *limit};
  auto page = co_await context->store.mailboxes().QueryMessages(
      std::move(address), std::move(mailbox), std::move(query));
  if (!page.ok()) co_return page.status();
  for (store::MessageRow& row : page->rows) {
    ToProto(std::move(row), response->add_rows());
    ClearOthers(*fields, response->mutable_rows(response->rows_size() - 1));
  }
  response->set_end(page->end);
  response->set_highest_modseq(page->highest_modseq);
  co_return absl::OkStatus();
}

Task<absl::Status> ListExpunged(ServiceContext* context, v1::ListExpungedRequest* request,
                                v1::ListExpungedResponse* response) {
  const absl::StatusOr<uint32_t> limit = Limit("limit", request->limit(), 1024, 4096);
  if (!limit.ok()) co_return limit.status();
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  auto page = co_await context->store.mailboxes().ListExpunged(
      std::move(address), std::move(mailbox), request->after_modseq(), request->after_uid(),
      *limit);
  if (!page.ok()) co_return page.status();
  ToProto(*std::move(page), response);
  co_return absl::OkStatus();
}

Task<absl::Status> Undelete(ServiceContext* context, v1::UndeleteMessagesRequest* request,
                            v1::UndeleteMessagesResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  std::vector<uint32_t> uids(request->uids().begin(), request->uids().end());
  auto undeleted = co_await context->store.mailboxes().Undelete(
      std::move(address), std::move(mailbox), std::move(uids));
  if (!undeleted.ok()) co_return undeleted.status();
  ToProto(*std::move(undeleted), response);
  co_return absl::OkStatus();
}

Task<absl::Status> Fetch(ServiceContext* context, v1::FetchMessagesRequest* request,
                         ResponseWriter<v1::FetchMessagesResponse>* writer) {
  absl::StatusOr<std::vector<store::ReadPart>> parts = FromProto(request->parts());
  if (!parts.ok()) co_return parts.status();
  const size_t count = parts->size();
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  auto reader = co_await context->store.messages().Fetch(std::move(address), std::move(mailbox),
                                                         *std::move(parts));
  if (!reader.ok()) co_return reader.status();
  absl::Status sent =
      co_await SendFrames(context, "FetchMessages", count, *std::move(reader), writer);
  co_return sent;
}

Task<absl::Status> ListChanges(ServiceContext* context, v1::ListChangesRequest* request,
                               v1::ListChangesResponse* response) {
  const absl::StatusOr<uint32_t> limit = Limit("limit", request->limit(), 1024, 4096);
  if (!limit.ok()) co_return limit.status();
  const absl::StatusOr<RowFields> fields = RowFieldsOf(request->fields());
  if (!fields.ok()) co_return fields.status();
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  const store::ChangePlace after{request->after().modseq(), request->after().uid()};
  auto changes = co_await context->store.mailboxes().ListChanges(
      std::move(address), std::move(mailbox), after, *limit);
  if (!changes.ok()) co_return changes.status();
  ToProto(*std::move(changes), *fields, response);
  co_return absl::OkStatus();
}

Task<absl::Status> StoreFlags(ServiceContext* context, v1::StoreFlagsRequest* request,
                              v1::StoreFlagsResponse* response) {
  const absl::StatusOr<uint32_t> limit = Limit("limit", request->limit(), 1024, 4096);
  if (!limit.ok()) co_return limit.status();
  absl::StatusOr<store::FlagChange> change = ChangeOf(request);
  if (!change.ok()) co_return change.status();
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  std::vector<store::UidRange> uids = FromProto(request->uids());
  auto answer = co_await context->store.mailboxes().StoreFlags(
      std::move(address), std::move(mailbox), std::move(uids), *std::move(change), *limit);
  if (!answer.ok()) co_return answer.status();
  ToProto(*std::move(answer), response);
  co_return absl::OkStatus();
}

Task<absl::Status> Expunge(ServiceContext* context, v1::ExpungeMessagesRequest* request,
                           v1::ExpungeMessagesResponse* response) {
  const absl::StatusOr<uint32_t> limit = Limit("limit", request->limit(), 1024, 4096);
  if (!limit.ok()) co_return limit.status();
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  std::vector<store::UidRange> uids = FromProto(request->uids());
  auto answer = co_await context->store.mailboxes().Expunge(
      std::move(address), std::move(mailbox), std::move(uids), request->only_deleted(), *limit);
  if (!answer.ok()) co_return answer.status();
  ToProto(*answer, response);
  co_return absl::OkStatus();
}

Task<absl::Status> CopyAll(ServiceContext* context, v1::CopyMessagesRequest* request,
                           v1::CopyMessagesResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  std::string target = std::move(*request->mutable_target());
  std::vector<store::UidRange> uids = FromProto(request->uids());
  auto answer = co_await context->store.mailboxes().Copy(std::move(address), std::move(mailbox),
                                                         std::move(uids), std::move(target));
  if (!answer.ok()) co_return answer.status();
  ToProto(*answer, response);
  co_return absl::OkStatus();
}

Task<absl::Status> MoveAll(ServiceContext* context, v1::MoveMessagesRequest* request,
                           v1::MoveMessagesResponse* response) {
  const absl::StatusOr<uint32_t> limit = Limit("limit", request->limit(), 1024, 4096);
  if (!limit.ok()) co_return limit.status();
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  std::string target = std::move(*request->mutable_target());
  std::vector<store::UidRange> uids = FromProto(request->uids());
  auto answer = co_await context->store.mailboxes().Move(
      std::move(address), std::move(mailbox), std::move(uids), std::move(target), *limit);
  if (!answer.ok()) co_return answer.status();
  ToProto(*answer, response);
  co_return absl::OkStatus();
}

Task<absl::Status> ClaimRecent(ServiceContext* context, v1::ClaimRecentRequest* request,
                               v1::ClaimRecentResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  auto recent =
      co_await context->store.mailboxes().ClaimRecent(std::move(address), std::move(mailbox));
  if (!recent.ok()) co_return recent.status();
  response->set_first_uid(recent->first_uid);
  response->set_end_uid(recent->end_uid);
  co_return absl::OkStatus();
}

Task<absl::Status> FindAppended(ServiceContext* context, v1::FindAppendedRequest* request,
                                v1::FindAppendedResponse* response) {
  const int count = request->append_ids_size();
  if (count == 0 || count > kMostAppendIds) {
    co_return InvalidRequest(
        absl::StrCat("append_ids: there are ", count, "; 1 to ", kMostAppendIds, " are taken"));
  }
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  std::vector<std::string> ids = FromProto(std::move(*request->mutable_append_ids()));
  auto uids = co_await context->store.mailboxes().FindAppended(
      std::move(address), std::move(mailbox), std::move(ids));
  if (!uids.ok()) co_return uids.status();
  response->mutable_uids()->Add(uids->begin(), uids->end());
  co_return absl::OkStatus();
}

Task<absl::Status> AdoptUids(ServiceContext* context, v1::AdoptUidsRequest* request,
                             v1::AdoptUidsResponse* response) {
  std::string address = std::move(*request->mutable_address());
  std::string mailbox = std::move(*request->mutable_mailbox());
  auto status = co_await context->store.mailboxes().AdoptUids(
      std::move(address), std::move(mailbox), request->uidvalidity(), request->uid_next());
  if (!status.ok()) co_return status.status();
  ToProto(*status, response->mutable_status());
  co_return absl::OkStatus();
}

struct WatchMailboxes {
  using Service = v1::MailboxesService::AsyncService;
  using Request = v1::WatchMailboxesRequest;
  using Response = v1::WatchMailboxesResponse;
  using Watch = store::MailboxWatch;
  static constexpr char kName[] = "WatchMailboxes";
  static constexpr auto kTake = &Service::RequestWatchMailboxes;
  static Task<absl::StatusOr<std::unique_ptr<Watch>>> Open(ServiceContext* context,
                                                           const Request* request) {
    return context->store.mailboxes().Watch(request->address(), FromProto(*request));
  }
  static void Write(const store::WatchNews& news, Response* response) {
    ToProto(news, response);
  }
};

}  // namespace

void MailboxesService::Serve(ServiceContext& context) {
  using Methods = v1::MailboxesService::AsyncService;
  ServeUnary(context, methods_, &Methods::RequestListMailboxes, "ListMailboxes",
             ListMailboxesOf);
  ServeUnary(context, methods_, &Methods::RequestGetMailbox, "GetMailbox", GetMailbox);
  ServeUnary(context, methods_, &Methods::RequestListMessages, "ListMessages", ListRows);
  ServeUnary(context, methods_, &Methods::RequestListExpunged, "ListExpunged", ListExpunged);
  ServeUnary(context, methods_, &Methods::RequestUndeleteMessages, "UndeleteMessages",
             Undelete);
  ServeUnary(context, methods_, &Methods::RequestListChanges, "ListChanges", ListChanges);
  ServeUnary(context, methods_, &Methods::RequestStoreFlags, "StoreFlags", StoreFlags);
  ServeUnary(context, methods_, &Methods::RequestExpungeMessages, "ExpungeMessages", Expunge);
  ServeUnary(context, methods_, &Methods::RequestClaimRecent, "ClaimRecent", ClaimRecent);
  ServeUnary(context, methods_, &Methods::RequestCopyMessages, "CopyMessages", CopyAll);
  ServeUnary(context, methods_, &Methods::RequestMoveMessages, "MoveMessages", MoveAll);
  ServeUnary(context, methods_, &Methods::RequestCreateMailbox, "CreateMailbox", CreateMailbox);
  ServeUnary(context, methods_, &Methods::RequestRenameMailbox, "RenameMailbox", RenameMailbox);
  ServeUnary(context, methods_, &Methods::RequestDeleteMailbox, "DeleteMailbox", DeleteMailbox);
  ServeUnary(context, methods_, &Methods::RequestSetSpecialUse, "SetSpecialUse", SetSpecialUse);
  ServeUnary(context, methods_, &Methods::RequestSetSubscribed, "SetSubscribed", SetSubscribed);
  ServeUnary(context, methods_, &Methods::RequestFindAppended, "FindAppended", FindAppended);
  ServeUnary(context, methods_, &Methods::RequestAdoptUids, "AdoptUids", AdoptUids);
  AppendCall::Serve(context, methods_);
  WatchCall<WatchMailboxes>::Serve(context, methods_);
  ServeStream(context, methods_, &Methods::RequestFetchMessages, "FetchMessages", Fetch);
}

}  // namespace restante::rpc
