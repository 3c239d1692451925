// The client's own id for what it does, which log lines repeat.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

namespace restante::rpc {

// From metadata "x-request-id"; empty if it sent none.
inline std::string RequestIdOf(const grpc::ServerContext& call) {
  const auto& metadata = call.client_metadata();
  const auto found = metadata.find("x-request-id");
  if (found == metadata.end()) return {};
  return std::string(found->second.data(), found->second.size());
}

// From the request's ClientInfo, where it has one.
template <typename Request>
std::string RequestIdOf(const grpc::ServerContext& call, const Request& request) {
  std::string id;
  if constexpr (requires { request.client().request_id(); }) {
    id = request.client().request_id();
  } else if constexpr (requires { request.envelope().client().request_id(); }) {
    id = request.envelope().client().request_id();
  }
  return id.empty() ? RequestIdOf(call) : id;
}

}  // namespace restante::rpc
