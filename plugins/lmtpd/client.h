// Who the client is, as far as the server was told: by the connection, by the PROXY header
// of a load balancer, by LHLO, and by XCLIENT.
#pragma once

#include <optional>
#include <string>

#include "asio/ip/tcp.hpp"
#include "common/net.h"

namespace restante::lmtp {

struct Client {
  bool is_unix = false;
  // Nothing for a UNIX socket, and when XCLIENT says that the address isn't known.
  std::optional<asio::ip::tcp::endpoint> endpoint;
  // Empty: not told. The host's name and the login name are XCLIENT's word alone.
  std::string name;
  std::string helo;
  std::string login;

  // For logs and the storage service.
  std::string Address() const {
    if (endpoint.has_value()) return FormatAddress(*endpoint);
    return is_unix ? "unix" : "unknown";
  }
};

}  // namespace restante::lmtp
