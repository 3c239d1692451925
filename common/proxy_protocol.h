// The PROXY protocol, versions 1 and 2: what a load balancer says, before anything
// else, about the client whose connection it passes on. A parser of octets and nothing
// else: who may say so, and for how long one waits for it, is the caller's.
// (HAProxy's "The PROXY protocol", sections 2.1, 2.2; extensions of version 2.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "asio/ip/tcp.hpp"

namespace restante {

// The longest header that is taken, 16 fixed octets included. One with a client's
// certificate in it has a few kilobytes.
inline constexpr size_t kMaxProxyHeaderOctets = 16 * 1024;

struct ProxyHeader {
  // The proxy speaks for itself (a health check), or for a client whose address it
  // doesn't know or that has none: the connection's own addresses hold.
  bool local = true;

  // Otherwise these.
  asio::ip::tcp::endpoint source;
  asio::ip::tcp::endpoint destination;

  // Of version 2, as far as given. The client speaks TLS to the proxy; whether that is
  // believed is the caller's choice.
  bool tls = false;
  std::string tls_version;
  std::string tls_cipher;
  // The name that the client asked for (SNI), and the protocol agreed on (ALPN).
  std::string authority;
  std::string alpn;
  // The proxy's own name for the connection.
  std::string unique_id;
};

struct ProxyParse {
  enum class Outcome {
    // The octets may become a header with more of them.
    kIncomplete,
    kHeader,
    // Whatever follows, they are no header.
    kInvalid,
  };
  Outcome outcome = Outcome::kIncomplete;
  // kHeader: how many of the octets are the header; the rest is the client's.
  size_t length = 0;
  ProxyHeader header;
  // kInvalid: what is wrong, for the log; a constant.
  absl::string_view error;
};

// Looks at the first octets of a connection. Never asks for more than
// kMaxProxyHeaderOctets of them.
ProxyParse ParseProxyHeader(absl::string_view octets);

}  // namespace restante
