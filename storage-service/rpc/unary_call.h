// Runs a unary call as a task of the store: the gRPC thread starts it and is free
// again; whichever thread completes it finishes the call.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

// The client's own id for what it does, from metadata "x-request-id"; empty if it
// sent none. Requests with a ClientInfo have it there.
std::string RequestIdOf(const grpc::ServerContextBase& call);

// `task` fills in the response and answers the call's status. Request and response
// stay where they are until the call is finished, so it may keep pointers to them.
// `method` is a constant.
grpc::ServerUnaryReactor* RunUnary(ServiceContext& context, grpc::CallbackServerContext* call,
                                   absl::string_view method, std::string request_id,
                                   Task<absl::Status> task);

}  // namespace restante::rpc
