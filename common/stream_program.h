// The life of a program that is a StreamServer in front of the storage service.
#pragma once

#include <grpcpp/channel.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/program.h"
#include "common/stream_server.h"

namespace restante {

// Serves until the end is wished for. Clients are answered from the beginning, and the
// supervisor is told READY once the channel to the storage service is up; `names` are those
// of the server's addresses in that notice (notify.h), in their order.
void ServeStreams(StreamServer& server, const std::vector<std::string>& names,
                  const char* component, grpc::Channel& storage, Termination& termination);

}  // namespace restante
