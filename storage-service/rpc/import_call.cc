#include "storage-service/rpc/import_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "storage-service/rpc/convert.h"

namespace restante::rpc {

ImportCall::ImportCall(ServiceContext& context, v1::ImportAccountsResponse* response)
    : context_(context), hold_(context.work.Begin()), response_(response) {
  context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
  StartRead(&request_);
}

void ImportCall::OnReadDone(bool ok) {
  if (!ok) {
    // Either the client has sent all, or it is gone in the middle. Whether it can
    // still be written to tells which.
    StartSendInitialMetadata();
    return;
  }
  octets_ += request_.ByteSizeLong();
  if (octets_ > kMostImportOctets ||
      accounts_.size() + request_.entries_size() > kMostImportEntries) {
    return End(MakeError(
        v1::ERROR_REASON_OVERLOADED,
        absl::StrCat("one import takes at most ", kMostImportEntries, " entries and ",
                     kMostImportOctets, " octets; nothing was imported, send several")));
  }
  for (const v1::ImportEntry& entry : request_.entries()) {
    accounts_.push_back(FromProto(entry));
  }
  StartRead(&request_);
}

void ImportCall::OnSendInitialMetadataDone(bool ok) {
  if (!ok) return End(absl::CancelledError("the client is gone; nothing was imported"));
  Spawn<absl::StatusOr<store::ImportReport>>(
      context_.store.accounts().Import(std::move(accounts_)),
      [this](absl::StatusOr<store::ImportReport> report) { Answer(std::move(report)); });
}

void ImportCall::Answer(absl::StatusOr<store::ImportReport> report) {
  if (!report.ok()) return End(report.status());
  response_->set_imported(report->imported);
  for (store::ImportProblem& problem : report->problems) {
    v1::ImportProblem* added = response_->add_problems();
    added->set_index(problem.index);
    added->set_message(std::move(problem.message));
  }
  End(absl::OkStatus());
}

void ImportCall::End(const absl::Status& status) {
  context_.NoteResult("ImportAccounts", "", status);
  Finish(ToGrpcStatus(status));
}

}  // namespace restante::rpc
