// The configuration of restante-lmtpd: defaults, and what its schema can't check.
#pragma once

#include <sys/types.h>

#include "absl/status/status.h"
#include "plugins/lmtpd/config.pb.h"

namespace restante::lmtp {

config::LmtpdConfig DefaultConfig();

// Touches nothing outside of the message. Errors name the key.
absl::Status CheckConfig(const config::LmtpdConfig& config);

// `unix_socket_mode` of a checked configuration.
mode_t SocketMode(const config::LmtpdConfig& config);

}  // namespace restante::lmtp
