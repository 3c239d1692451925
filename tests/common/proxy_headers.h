// PROXY headers of version 2, as load balancers send them, for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "asio/ip/tcp.hpp"
#include "common/network.h"

namespace restante {

inline std::string BigEndian(size_t number, int octets) {
  std::string text;
  for (int i = octets - 1; i >= 0; --i) {
    text.push_back(static_cast<char>(number >> (8 * i) & 0xFF));
  }
  return text;
}

inline std::string ProxyTlv(int type, absl::string_view value) {
  return std::string(1, static_cast<char>(type)) + BigEndian(value.size(), 2) +
         std::string(value);
}

// `command`: 0x20 LOCAL, 0x21 PROXY; `family`: 0x11 TCP over IPv4, 0x21 over IPv6, ….
inline std::string ProxyV2(int command, int family, absl::string_view rest) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header.push_back(static_cast<char>(command));
  header.push_back(static_cast<char>(family));
  return header + BigEndian(rest.size(), 2) + std::string(rest);
}

// The addresses of a TCP connection.
inline std::string ProxyAddresses(const asio::ip::tcp::endpoint& source,
                                  const asio::ip::tcp::endpoint& destination) {
  std::string text;
  for (const auto& endpoint : {source, destination}) {
    const auto octets = AddressOctets(endpoint.address());
    const size_t skip = endpoint.address().is_v4() ? 12 : 0;
    text.append(octets.begin() + static_cast<std::ptrdiff_t>(skip), octets.end());
  }
  return text + BigEndian(source.port(), 2) + BigEndian(destination.port(), 2);
}

// A client's connection, with extensions.
inline std::string ProxyV2For(const std::string& source, uint16_t port,
                              absl::string_view extensions = {}) {
  const asio::ip::address address = asio::ip::make_address(source);
  const asio::ip::address own =
      asio::ip::make_address(address.is_v4() ? "192.0.2.250" : "2001:db8::fa");
  return ProxyV2(0x21, address.is_v4() ? 0x11 : 0x21,
                 ProxyAddresses({address, port}, {own, 110}) + std::string(extensions));
}

}  // namespace restante
