// Carries an absl::Status over gRPC and back, with the reason (ErrorInfo), its
// metadata and the time to wait (RetryInfo). The two wire forms are the status of
// a failed call and the google.rpc.Status inside a stream's messages.
//
// Octets of a message that aren't UTF-8 arrive as '?': protobuf would refuse the
// whole message that holds them.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace restante {

grpc::Status ToGrpcStatus(const absl::Status& status);

// What the transport itself reports (a lost connection is UNAVAILABLE) comes back
// with its code and without a reason.
absl::Status FromGrpcStatus(const grpc::Status& status);

google::rpc::Status ToRpcStatus(const absl::Status& status);
absl::Status FromRpcStatus(const google::rpc::Status& status);

}  // namespace restante
