// DeliveryService: DeliverStream, which has a class of its own, and the unary forms.
#pragma once

#include "restante/v1/delivery.grpc.pb.h"
#include "storage-service/rpc/deliver_stream.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

// The largest message of a unary Deliver.
inline constexpr size_t kMostUnaryMessageOctets = size_t{1} << 20;

class DeliveryService {
 public:
  grpc::Service* service() { return &methods_; }

  // Takes calls from now on. The server has been built.
  void Serve(ServiceContext& context, DeliveryLimits limits);

 private:
  v1::DeliveryService::AsyncService methods_;
};

}  // namespace restante::rpc
