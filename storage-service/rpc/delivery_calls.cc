#include "storage-service/rpc/delivery_calls.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "storage-service/rpc/convert.h"

namespace restante::rpc {

bool ConcernsWholeDelivery(const absl::Status& status) {
  const v1::ErrorReason reason = ReasonOf(status);
  return reason == v1::ERROR_REASON_INVALID_REQUEST || reason == v1::ERROR_REASON_TOO_LARGE;
}

void FailAll(const absl::Status& status, int recipients, v1::DeliverResponse* out) {
  const google::rpc::Status failure = ToRpcStatus(status);
  for (int i = 0; i < recipients; ++i) *out->add_results()->mutable_status() = failure;
}

void NoteResults(ServiceContext& context, absl::string_view method,
                 absl::string_view request_id,
                 const std::vector<store::RecipientResult>& results) {
  for (const store::RecipientResult& result : results) {
    context.NoteResult(method, request_id, result.status);
  }
}

namespace {

template <typename Request, typename Response>
Task<absl::Status> AskForRecipients(store::Deliveries* deliveries, const Request* request,
                                    Response* response) {
  constexpr int kMostRecipients = 1000;
  if (request->recipients_size() > kMostRecipients) {
    co_return InvalidRequest(absl::StrCat("recipients: ", request->recipients_size(),
                                          " of them; at most ", kMostRecipients, " are taken"));
  }
  std::vector<std::string> recipients = FromProto(request->recipients());
  const auto checks =
      co_await deliveries->CheckRecipients(std::move(recipients), request->declared_octets());
  ToProto(checks, response);
  co_return absl::OkStatus();
}

}  // namespace

Task<absl::Status> CheckRecipients(store::Deliveries* deliveries,
                                   const v1::CheckRecipientsRequest* request,
                                   v1::CheckRecipientsResponse* response) {
  return AskForRecipients(deliveries, request, response);
}

Task<absl::Status> LookupRecipients(store::Deliveries* deliveries,
                                    const v1::LookupRecipientsRequest* request,
                                    v1::LookupRecipientsResponse* response) {
  return AskForRecipients(deliveries, request, response);
}

}  // namespace restante::rpc
