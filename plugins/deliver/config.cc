#include "plugins/deliver/config.h"

#include <sys/un.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/config.h"

namespace restante::deliver {
namespace {

absl::Status InvalidServer(absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(why, "; write HOST:PORT, [IPv6]:PORT or unix:/path/to/socket"));
}

absl::Status CheckTimeout(absl::string_view key, const google::protobuf::Duration& duration) {
  const absl::Duration value = FromProto(duration);
  if (value > absl::ZeroDuration() && value <= absl::Hours(1)) return absl::OkStatus();
  return ConfigError(key, "must be more than 0 and at most 1h");
}

}  // namespace

config::DeliverConfig DefaultConfig() {
  config::DeliverConfig config;
  config.set_lmtp("127.0.0.1:24");
  config.set_over_quota(config::OVER_QUOTA_DEFER);
  *config.mutable_connect_timeout() = ToProto(absl::Seconds(5));
  *config.mutable_reply_timeout() = ToProto(absl::Minutes(5));
  return config;
}

absl::Status CheckConfig(const config::DeliverConfig& config) {
  const absl::StatusOr<ServerAddress> address = ParseServerAddress(config.lmtp());
  if (!address.ok()) return ConfigError("lmtp", address.status().message());
  for (const char c : config.hostname()) {
    if (c <= 0x20 || c >= 0x7F) {
      return ConfigError("hostname", "must be a host name in its ASCII form");
    }
  }
  if (config.hostname().size() > 255) {
    return ConfigError("hostname", "must have at most 255 octets");
  }
  absl::Status status = CheckTimeout("connect_timeout", config.connect_timeout());
  status.Update(CheckTimeout("reply_timeout", config.reply_timeout()));
  return status;
}

absl::StatusOr<ServerAddress> ParseServerAddress(absl::string_view text) {
  ServerAddress address;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    if (rest.empty()) return InvalidServer("the path is missing");
    if (rest.size() >= sizeof(sockaddr_un{}.sun_path)) {
      return InvalidServer("the path is too long for a UNIX socket");
    }
    if (rest.find('\0') != rest.npos) return InvalidServer("the path has a NUL octet");
    address.unix_path = std::string(rest);
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return InvalidServer("the port is missing");
  const absl::string_view port = text.substr(colon + 1);
  int number = 0;
  if (port.empty() || port.find_first_not_of("0123456789") != port.npos ||
      !absl::SimpleAtoi(port, &number) || number < 1 || number > 65535) {
    return InvalidServer("the port must be a number from 1 to 65535");
  }
  absl::string_view host = text.substr(0, colon);
  const bool bracketed = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  if (!bracketed && host.find(':') != host.npos) {
    return InvalidServer("an IPv6 address needs brackets");
  }
  if (host.empty() || host.find_first_of(absl::string_view("\0 \t[]", 5)) != host.npos) {
    return InvalidServer("the host is missing or can't be one");
  }
  address.host = std::string(host);
  address.port = std::string(port);
  return address;
}

}  // namespace restante::deliver
