// Addresses to listen on, as configuration files spell them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "asio/ip/tcp.hpp"

namespace restante {

// Either a TCP endpoint or the path of a UNIX socket.
struct ListenAddress {
  asio::ip::tcp::endpoint tcp;
  std::string unix_path;  // empty for TCP

  bool IsUnix() const { return !unix_path.empty(); }
};

// "127.0.0.1:110", "[::1]:0" (port 0: any free one), "localhost:110" (127.0.0.1),
// "*:110" (every address, IPv4 and IPv6), "unix:/path/to/socket" (at most 107 octets).
// Other host names are refused: what a server listens on shouldn't depend on DNS.
// Errors are INVALID_ARGUMENT and name the text.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

// The inverse: "127.0.0.1:110", "[::1]:110", "unix:/path".
std::string FormatAddress(const ListenAddress& address);
std::string FormatAddress(const asio::ip::tcp::endpoint& endpoint);

// The address alone, IPv4-mapped IPv6 shown as IPv4: for log lines.
std::string FormatHost(const asio::ip::address& address);

}  // namespace restante
