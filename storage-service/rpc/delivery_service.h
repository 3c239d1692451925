// DeliveryService: the unary forms. DeliverStream is served by its own class.
#pragma once

#include "storage-service/rpc/deliver_stream.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

// The largest message of a unary Deliver.
inline constexpr size_t kMostUnaryMessageOctets = size_t{1} << 20;

class DeliveryService final : public AsyncDeliverStream {
 public:
  explicit DeliveryService(ServiceContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* Deliver(grpc::CallbackServerContext* call,
                                    const v1::DeliverRequest* request,
                                    v1::DeliverResponse* response) override;
  grpc::ServerUnaryReactor* CheckRecipients(grpc::CallbackServerContext* call,
                                            const v1::CheckRecipientsRequest* request,
                                            v1::CheckRecipientsResponse* response) override;

 private:
  ServiceContext& context_;
};

}  // namespace restante::rpc
