// grpc.reflection.v1alpha: the contract, told by the running server, for grpcurl and
// its like. gRPC brings a service of this kind along, but with threads of its own
// that wait for sockets (see completion_thread.h).
#pragma once

#include <string>
#include <vector>

#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class ReflectionService {
 public:
  using Methods = grpc::reflection::v1alpha::ServerReflection::AsyncService;

  // `services` are the names to list.
  explicit ReflectionService(std::vector<std::string> services)
      : services_(std::move(services)) {}

  grpc::Service* service() { return &methods_; }
  void Serve(ServiceContext& context);

  // One question.
  grpc::reflection::v1alpha::ServerReflectionResponse Answer(
      const grpc::reflection::v1alpha::ServerReflectionRequest& request) const;

 private:
  class Conversation;

  const std::vector<std::string> services_;
  Methods methods_;
};

}  // namespace restante::rpc
