// Takes a PROXY header (proxy_protocol.h) off a socket, and not an octet behind it: what
// follows may be a TLS handshake, which OpenSSL has to find there. Waiting for the socket,
// and for how long, is the caller's.
#pragma once

#include <string>

#include "common/proxy_protocol.h"

namespace restante {

class ProxyReceiver {
 public:
  enum class Outcome {
    // The header isn't whole; to be called again once the socket can be read.
    kMore,
    kHeader,
    // The connection has ended, or the octets are no header: parse->error tells.
    kOver,
  };

  Outcome Receive(int socket, ProxyParse* parse);

 private:
  std::string octets_;
};

}  // namespace restante
