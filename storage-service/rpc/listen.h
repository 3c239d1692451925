// The addresses that the service listens on: HOST:PORT and unix:PATH, checked before
// gRPC sees them, so that what is wrong with one is said in a sentence.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/net.h"

namespace restante::rpc {

// Whether nobody outside this machine can reach it.
bool IsLocal(const ListenAddress& address);

// Why this process can't listen there, such as "127.0.0.1:9143: Address already in
// use". A socket file that a dead process left behind is no reason.
absl::Status CheckFree(const ListenAddress& address);

}  // namespace restante::rpc
