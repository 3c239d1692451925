// The configuration of restante-deliver: defaults, and what its schema can't check.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "plugins/deliver/config.pb.h"

namespace restante::deliver {

config::DeliverConfig DefaultConfig();

// Touches nothing outside of the message. Errors name the key.
absl::Status CheckConfig(const config::DeliverConfig& config);

// Where an LMTP server is: a path, or a host by name or address and a port by number.
struct ServerAddress {
  std::string unix_path;
  std::string host;
  std::string port;
};

// "unix:/path/to/socket" (at most 107 octets), "localhost:24", "[::1]:24". Errors are
// INVALID_ARGUMENT and say what would be right.
absl::StatusOr<ServerAddress> ParseServerAddress(absl::string_view text);

}  // namespace restante::deliver
