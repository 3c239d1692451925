#include "storage-service/rpc/admin_service.h"

#include "common/program.h"
#include "storage-service/rpc/verify_call.h"

namespace restante::rpc {

grpc::ServerWriteReactor<v1::VerifyResponse>* AdminService::Verify(
    grpc::CallbackServerContext* /*call*/, const v1::VerifyRequest* request) {
  return VerifyCall::Start(context_, request->read_bodies());
}

grpc::ServerUnaryReactor* AdminService::GetStats(grpc::CallbackServerContext* call,
                                                 const v1::GetStatsRequest* /*request*/,
                                                 v1::GetStatsResponse* response) {
  context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
  auto& values = *response->mutable_values();
  for (const auto& [name, value] : context_.store.Stats()) values[name] = value;
  for (const auto& [name, value] : context_.counters.Values()) values[name] = value;
  response->set_version(kVersion);
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace restante::rpc
