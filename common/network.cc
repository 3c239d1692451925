#include "common/network.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "asio/ip/address_v4.hpp"
#include "asio/ip/address_v6.hpp"

namespace restante {
namespace {

constexpr unsigned kMappedBits = 96;

absl::Status InvalidNetwork(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' isn't a network: ", why,
                                                 "; write 192.0.2.0/24 or 2001:db8::/32"));
}

// Octet i of a mask of so many bits.
uint8_t MaskOctet(unsigned bits, size_t i) {
  const unsigned before = static_cast<unsigned>(i) * 8;
  if (bits >= before + 8) return 0xFF;
  return bits <= before ? 0 : static_cast<uint8_t>(0xFF << (8 - (bits - before)));
}

}  // namespace

std::array<uint8_t, 16> AddressOctets(const asio::ip::address& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  return asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes();
}

absl::StatusOr<Network> Network::Parse(absl::string_view text) {
  const size_t slash = text.find('/');
  asio::error_code error;
  const asio::ip::address address =
      asio::ip::make_address(std::string(text.substr(0, slash)), error);
  if (error || text.find('%') != text.npos) return InvalidNetwork(text, "no IP address");
  const unsigned most = address.is_v4() ? 32 : 128;
  unsigned bits = most;
  if (slash != text.npos) {
    const absl::string_view digits = text.substr(slash + 1);
    if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos ||
        !absl::SimpleAtoi(digits, &bits) || bits > most) {
      return InvalidNetwork(text, absl::StrCat("the length of the prefix must be 0 to ", most));
    }
  }
  Network network;
  network.prefix_ = AddressOctets(address);
  network.bits_ = address.is_v4() ? bits + kMappedBits : bits;
  for (size_t i = 0; i < network.prefix_.size(); ++i) {
    if ((network.prefix_[i] & ~MaskOctet(network.bits_, i)) != 0) {
      return InvalidNetwork(text, "bits are set behind the prefix");
    }
  }
  return network;
}

bool Network::Contains(const asio::ip::address& address) const {
  const std::array<uint8_t, 16> octets = AddressOctets(address);
  for (size_t i = 0; i < octets.size() && i * 8 < bits_; ++i) {
    if ((octets[i] & MaskOctet(bits_, i)) != prefix_[i]) return false;
  }
  return true;
}

bool AnyContains(const std::vector<Network>& networks, const asio::ip::address& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.Contains(address); });
}

}  // namespace restante
