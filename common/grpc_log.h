// gRPC's own messages, as lines of our log.
#pragma once

namespace restante {

// From now on what gRPC would print on stderr is logged, by component "grpc":
// its errors, which report troubles with connections, as warnings. Called once, at
// the start of a program.
void RouteGrpcLog();

}  // namespace restante
