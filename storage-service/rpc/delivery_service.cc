#include "storage-service/rpc/delivery_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/delivery_calls.h"
#include "storage-service/rpc/unary_call.h"
#include "storage-service/rpc/watch_call.h"

namespace restante::rpc {
namespace {

Task<absl::Status> Deliver(ServiceContext* context, v1::DeliverRequest* request,
                           v1::DeliverResponse* response) {
  if (request->message().size() > kMostUnaryMessageOctets) {
    absl::Status status = MakeError(
        v1::ERROR_REASON_TOO_LARGE,
        absl::StrCat("message: ", request->message().size(), " octets; Deliver takes ",
                     kMostUnaryMessageOctets, ", DeliverStream more"));
    SetErrorMetadata(status, "limit_octets", absl::StrCat(kMostUnaryMessageOctets));
    co_return status;
  }
  absl::StatusOr<DeliveryLoad::Slot> slot = context->delivery_load.Begin();
  if (!slot.ok()) {
    context->NoteResult("Deliver", request->envelope().client().request_id(), slot.status());
    FailAll(slot.status(), request->envelope().recipients_size(), response);
    co_return absl::OkStatus();
  }
  // It is in memory as a whole until it is answered.
  slot->Hold(request->message().size(), kMostUnaryMessageOctets);
  store::Envelope envelope = FromProto(request->envelope());
  auto delivery = co_await context->store.deliveries().Begin(std::move(envelope));
  absl::Status status = delivery.status();
  if (status.ok() && !request->message().empty()) {
    std::string message = std::move(*request->mutable_message());
    status = co_await (*delivery)->Append(std::move(message));
  }
  if (!status.ok()) {
    if (ConcernsWholeDelivery(status)) co_return status;
    context->NoteResult("Deliver", request->envelope().client().request_id(), status);
    FailAll(status, request->envelope().recipients_size(), response);
    co_return absl::OkStatus();
  }
  auto results = co_await (*delivery)->Finish();
  NoteResults(*context, "Deliver", request->envelope().client().request_id(), results);
  ToProto(results, response);
  co_return absl::OkStatus();
}

Task<absl::Status> CheckAll(ServiceContext* context, v1::CheckRecipientsRequest* request,
                            v1::CheckRecipientsResponse* response) {
  return CheckRecipients(&context->store.deliveries(), request, response);
}

Task<absl::Status> LookUpAll(ServiceContext* context, v1::LookupRecipientsRequest* request,
                             v1::LookupRecipientsResponse* response) {
  return LookupRecipients(&context->store.deliveries(), request, response);
}

struct WatchRecipients {
  using Service = v1::DeliveryService::AsyncService;
  using Request = v1::WatchRecipientsRequest;
  using Response = v1::WatchRecipientsResponse;
  using Watch = store::RecipientWatch;
  static constexpr char kName[] = "WatchRecipients";
  static constexpr auto kTake = &Service::RequestWatchRecipients;
  static Task<absl::StatusOr<std::unique_ptr<Watch>>> Open(ServiceContext* context,
                                                           const Request* /*request*/) {
    co_return context->store.deliveries().WatchRecipients();
  }
  static void Write(const store::RecipientNews& news, Response* response) {
    response->set_everything(news.everything);
    for (const std::string& address : news.addresses) response->add_addresses(address);
  }
};

}  // namespace

void DeliveryService::Serve(ServiceContext& context, DeliveryLimits limits) {
  using Methods = v1::DeliveryService::AsyncService;
  DeliverStream::Serve(context, methods_, limits);
  ServeUnary(context, methods_, &Methods::RequestDeliver, "Deliver", Deliver);
  ServeUnary(context, methods_, &Methods::RequestCheckRecipients, "CheckRecipients", CheckAll);
  ServeUnary(context, methods_, &Methods::RequestLookupRecipients, "LookupRecipients",
             LookUpAll);
  WatchCall<WatchRecipients>::Serve(context, methods_);
}

}  // namespace restante::rpc
