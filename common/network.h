// Networks as configuration files list them, and addresses in them. IPv4 addresses that
// a socket shows as IPv6 ("::ffff:192.0.2.1") count as what they are.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "asio/ip/address.hpp"

namespace restante {

class Network {
 public:
  // "192.0.2.0/24", "2001:db8::/32", or one address. Errors are INVALID_ARGUMENT and
  // name the text; an address inside a network ("192.0.2.1/24") is one.
  static absl::StatusOr<Network> Parse(absl::string_view text);

  bool Contains(const asio::ip::address& address) const;

 private:
  std::array<uint8_t, 16> prefix_{};
  // 0 to 128; of IPv4 with the 96 that stand before it.
  unsigned bits_ = 0;
};

bool AnyContains(const std::vector<Network>& networks, const asio::ip::address& address);

// The address as 16 octets, IPv4 as ::ffff:a.b.c.d.
std::array<uint8_t, 16> AddressOctets(const asio::ip::address& address);

}  // namespace restante
