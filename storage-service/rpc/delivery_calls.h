// What the stream and the unary form of a delivery have in common.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "restante/v1/delivery.pb.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/service_context.h"
#include "storage-service/store/deliveries.h"

namespace restante::rpc {

// True for a failure that is the message's or the request's own: the answer to the
// whole delivery. Any other stands at each recipient.
bool ConcernsWholeDelivery(const absl::Status& status);

// The same failure for every recipient.
void FailAll(const absl::Status& status, int recipients, v1::DeliverResponse* out);

// Notes what of the results is worth a log line.
void NoteResults(ServiceContext& context, absl::string_view method,
                 absl::string_view request_id,
                 const std::vector<store::RecipientResult>& results);

Task<absl::Status> CheckRecipients(store::Deliveries* deliveries,
                                   const v1::CheckRecipientsRequest* request,
                                   v1::CheckRecipientsResponse* response);
Task<absl::Status> LookupRecipients(store::Deliveries* deliveries,
                                    const v1::LookupRecipientsRequest* request,
                                    v1::LookupRecipientsResponse* response);

}  // namespace restante::rpc
