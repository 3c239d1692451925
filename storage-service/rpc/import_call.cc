#include "storage-service/rpc/import_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/request_id.h"

namespace restante::rpc {

void ImportCall::Serve(ServiceContext& context, v1::AccountsService::AsyncService& methods) {
  new ImportCall(context, methods);
}

ImportCall::ImportCall(ServiceContext& context, v1::AccountsService::AsyncService& methods)
    : context_(context), methods_(methods), stream_(&call_) {
  methods_.RequestImportAccounts(&call_, &stream_, context_.queue, context_.queue, &call_tag_);
}

void ImportCall::OnCall(bool ok) {
  if (!ok) {
    delete this;  // the server shuts down
    return;
  }
  hold_ = context_.work.Begin();
  Serve(context_, methods_);
  context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
  stream_.Read(&request_, &read_tag_);
}

void ImportCall::OnRead(bool ok) {
  if (!ok) {
    // Either the client has sent all, or it is gone in the middle. Whether it can
    // still be written to tells which.
    stream_.SendInitialMetadata(&metadata_tag_);
    return;
  }
  octets_ += request_.ByteSizeLong();
  if (octets_ > kMostImportOctets ||
      accounts_.size() + request_.entries_size() > kMostImportEntries) {
    End(MakeError(
        v1::ERROR_REASON_OVERLOADED,
        absl::StrCat("one import takes at most ", kMostImportEntries, " entries and ",
                     kMostImportOctets, " octets; nothing was imported, send several")));
    return;
  }
  for (const v1::ImportEntry& entry : request_.entries()) {
    accounts_.push_back(FromProto(entry));
  }
  stream_.Read(&request_, &read_tag_);
}

void ImportCall::OnMetadataSent(bool ok) {
  if (!ok) {
    End(absl::CancelledError("the client is gone; nothing was imported"));
    return;
  }
  Spawn<absl::StatusOr<store::ImportReport>>(
      context_.store.accounts().Import(std::move(accounts_)),
      [this](absl::StatusOr<store::ImportReport> report) { End(report); });
}

void ImportCall::End(const absl::StatusOr<store::ImportReport>& report) {
  context_.NoteResult("ImportAccounts", RequestIdOf(call_), report.status());
  if (!report.ok()) {
    stream_.FinishWithError(ToGrpcStatus(report.status()), &finished_tag_);
    return;
  }
  v1::ImportAccountsResponse response;
  response.set_imported(report->imported);
  for (const store::ImportProblem& problem : report->problems) {
    v1::ImportProblem* added = response.add_problems();
    added->set_index(problem.index);
    added->set_message(problem.message);
  }
  stream_.Finish(response, grpc::Status::OK, &finished_tag_);
}

}  // namespace restante::rpc
