#include "plugins/lmtpd/xclient.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "plugins/lmtpd/words.h"
#include "plugins/lmtpd/xtext.h"

namespace restante::lmtp {
namespace {

constexpr size_t kMaxValueOctets = 255;

bool IsUnavailable(std::string_view value) {
  return EqualsIgnoreCase(value, "[UNAVAILABLE]") || EqualsIgnoreCase(value, "[TEMPUNAVAIL]");
}

// A name of a host, or an address literal; nothing but printable ASCII.
std::optional<std::string> HostIn(std::string_view value) {
  if (IsUnavailable(value)) return "";
  const bool printable = std::all_of(value.begin(), value.end(),
                                     [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  if (value.empty() || value.size() > kMaxValueOctets || !printable) return std::nullopt;
  return std::string(value);
}

std::optional<std::string> LoginIn(std::string_view value) {
  if (IsUnavailable(value)) return "";
  const bool clean = std::none_of(value.begin(), value.end(),
                                  [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (value.empty() || value.size() > kMaxValueOctets || !clean) return std::nullopt;
  return std::string(value);
}

std::optional<asio::ip::address> AddressIn(std::string_view value) {
  if (IsUnavailable(value)) return asio::ip::address();
  constexpr std::string_view kIpv6 = "IPV6:";
  const bool v6 = EqualsIgnoreCase(value.substr(0, kIpv6.size()), kIpv6);
  if (v6) value.remove_prefix(kIpv6.size());
  asio::error_code error;
  const asio::ip::address address = asio::ip::make_address(std::string(value), error);
  // A scope, as in "fe80::1%eth0", means nothing on another machine.
  if (error || address.is_v6() != v6 || value.find('%') != value.npos) return std::nullopt;
  return address;
}

std::optional<uint16_t> PortIn(std::string_view value) {
  if (IsUnavailable(value)) return 0;
  uint16_t port = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, port);
  if (error != std::errc() || stop != end) return std::nullopt;
  return port;
}

bool IsProtocol(std::string_view value) {
  return EqualsIgnoreCase(value, "SMTP") || EqualsIgnoreCase(value, "ESMTP") ||
         EqualsIgnoreCase(value, "LMTP") || IsUnavailable(value);
}

class XclientReader {
 public:
  explicit XclientReader(XclientArguments* arguments) : arguments_(arguments) {}

  const Reply* Take(std::string_view word) {
    const size_t equals = word.find('=');
    if (equals == word.npos) return &reply::kXclientSyntax;
    const std::optional<std::string> value = DecodeXtext(word.substr(equals + 1));
    if (!value.has_value()) return &reply::kXclientValue;
    const std::string_view attribute = word.substr(0, equals);
    if (EqualsIgnoreCase(attribute, "NAME")) return Set(HostIn(*value), &arguments_->name);
    if (EqualsIgnoreCase(attribute, "HELO")) return Set(HostIn(*value), &arguments_->helo);
    if (EqualsIgnoreCase(attribute, "LOGIN")) return Set(LoginIn(*value), &arguments_->login);
    if (EqualsIgnoreCase(attribute, "ADDR")) {
      return Set(AddressIn(*value), &arguments_->address);
    }
    if (EqualsIgnoreCase(attribute, "PORT")) return Set(PortIn(*value), &arguments_->port);
    if (EqualsIgnoreCase(attribute, "PROTO")) {
      return IsProtocol(*value) ? nullptr : &reply::kXclientValue;
    }
    if (EqualsIgnoreCase(attribute, "DESTADDR")) {
      return AddressIn(*value).has_value() ? nullptr : &reply::kXclientValue;
    }
    if (EqualsIgnoreCase(attribute, "DESTPORT")) {
      return PortIn(*value).has_value() ? nullptr : &reply::kXclientValue;
    }
    return &reply::kXclientAttribute;
  }

 private:
  template <typename Value>
  static const Reply* Set(std::optional<Value> value, std::optional<Value>* attribute) {
    if (!value.has_value()) return &reply::kXclientValue;
    *attribute = std::move(value);
    return nullptr;
  }

  XclientArguments* const arguments_;
};

}  // namespace

const Reply* ParseXclient(std::string_view argument, XclientArguments* arguments) {
  if (argument.empty()) return &reply::kXclientSyntax;
  XclientReader reader(arguments);
  while (!argument.empty()) {
    if (const Reply* refused = reader.Take(TakeWord(&argument))) return refused;
  }
  return nullptr;
}

}  // namespace restante::lmtp
