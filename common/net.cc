#include "common/net.h"

#include <sys/un.h>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace restante {
namespace {

constexpr size_t kMaxUnixPath = sizeof(sockaddr_un{}.sun_path) - 1;

absl::Status InvalidAddress(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' isn't an address to listen on: ", why,
                   "; write 127.0.0.1:PORT, [::1]:PORT, *:PORT or "
                   "unix:/path/to/socket"));
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  ListenAddress address;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    if (rest.empty()) return InvalidAddress(text, "the path is missing");
    if (rest.size() > kMaxUnixPath) {
      return InvalidAddress(text, absl::StrCat("the path has over ", kMaxUnixPath, " octets"));
    }
    if (rest.find('\0') != rest.npos) return InvalidAddress(text, "the path has a NUL octet");
    address.unix_path = std::string(rest);
    return address;
  }

  const size_t colon = text.rfind(':');
  if (colon == text.npos) return InvalidAddress(text, "the port is missing");
  absl::string_view host = text.substr(0, colon);
  const absl::string_view digits = text.substr(colon + 1);
  uint32_t port = 0;
  if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos ||
      !absl::SimpleAtoi(digits, &port) || port > 65535) {
    return InvalidAddress(text, "the port must be a number from 0 to 65535");
  }
  if (host == "*") {
    address.tcp = {asio::ip::address_v6::any(), static_cast<uint16_t>(port)};
    return address;
  }
  if (host == "localhost") host = "127.0.0.1";
  const bool bracketed = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  asio::error_code error;
  const asio::ip::address ip = asio::ip::make_address(std::string(host), error);
  if (error) return InvalidAddress(text, "the host must be an IP address");
  if (bracketed != ip.is_v6()) {
    return InvalidAddress(
        text, bracketed ? "brackets are for IPv6" : "an IPv6 address needs brackets");
  }
  address.tcp = {ip, static_cast<uint16_t>(port)};
  return address;
}

std::string FormatAddress(const ListenAddress& address) {
  return address.IsUnix() ? absl::StrCat("unix:", address.unix_path)
                          : FormatAddress(address.tcp);
}

std::string FormatAddress(const asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return endpoint.address().is_v6() ? absl::StrCat("[", host, "]:", endpoint.port())
                                    : absl::StrCat(host, ":", endpoint.port());
}

std::string FormatHost(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

}  // namespace restante
