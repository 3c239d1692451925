#include "storage-service/rpc/unary_call.h"

#include <utility>

#include "common/grpc_status.h"

namespace restante::rpc {

std::string RequestIdOf(const grpc::ServerContextBase& call) {
  const auto& metadata = call.client_metadata();
  const auto found = metadata.find("x-request-id");
  if (found == metadata.end()) return {};
  return std::string(found->second.data(), found->second.size());
}

grpc::ServerUnaryReactor* RunUnary(ServiceContext& context, grpc::CallbackServerContext* call,
                                   absl::string_view method, std::string request_id,
                                   Task<absl::Status> task) {
  context.counters.calls.fetch_add(1, std::memory_order_relaxed);
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  if (request_id.empty()) request_id = RequestIdOf(*call);
  Spawn<absl::Status>(std::move(task),
                      [&context, hold = context.work.Begin(), reactor, method,
                       request_id = std::move(request_id)](absl::Status status) mutable {
                        context.NoteResult(method, request_id, status);
                        reactor->Finish(ToGrpcStatus(status));
                      });
  return reactor;
}

}  // namespace restante::rpc
