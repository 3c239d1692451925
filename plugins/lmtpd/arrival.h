// A client's connection as a listener took it, on its way to the session that serves it.
#pragma once

#include <optional>

#include "asio/generic/stream_protocol.hpp"
#include "asio/ip/tcp.hpp"

namespace restante::lmtp {

using Socket = asio::generic::stream_protocol::socket;

struct Arrival {
  Socket socket;
  // The client's end; nothing for a UNIX socket.
  std::optional<asio::ip::tcp::endpoint> remote;
  // TLS begins with the first octet.
  bool implicit_tls = false;
  // Came where load balancers begin with a PROXY header.
  bool maybe_proxied = false;
};

}  // namespace restante::lmtp
