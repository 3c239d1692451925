#include "plugins/lmtpd/config.h"

#include <charconv>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/config.h"
#include "common/net.h"

namespace restante::lmtp {
namespace {

// From proto/restante/v1/delivery.proto.
constexpr uint32_t kMaxRecipients = 1000;

std::optional<unsigned> ParseMode(const std::string& octal) {
  unsigned mode = 0;
  const char* end = octal.data() + octal.size();
  const auto [stop, error] = std::from_chars(octal.data(), end, mode, 8);
  if (error != std::errc() || stop != end || mode > 0777) return std::nullopt;
  return mode;
}

absl::Status CheckDuration(absl::string_view key, const google::protobuf::Duration& duration) {
  const absl::Duration value = FromProto(duration);
  if (value > absl::ZeroDuration() && value <= absl::Hours(24)) return absl::OkStatus();
  return ConfigError(key, "must be more than 0 and at most 24h");
}

absl::Status CheckDurations(const config::LmtpdConfig& config) {
  absl::Status status = CheckDuration("command_timeout", config.command_timeout());
  status.Update(CheckDuration("data_timeout", config.data_timeout()));
  status.Update(CheckDuration("storage_wait", config.storage_wait()));
  status.Update(CheckDuration("storage_timeout", config.storage_timeout()));
  status.Update(CheckDuration("drain_time", config.drain_time()));
  return status;
}

}  // namespace

config::LmtpdConfig DefaultConfig() {
  config::LmtpdConfig config;
  config.add_listen("127.0.0.1:24");
  config.set_unix_socket_mode("0666");
  config.mutable_storage()->set_address("127.0.0.1:9143");
  config.set_max_message_octets(uint64_t{256} << 20);
  config.set_max_recipients(kMaxRecipients);
  config.set_max_connections(2000);
  config.set_max_bad_commands(20);
  *config.mutable_command_timeout() = ToProto(absl::Minutes(5));
  *config.mutable_data_timeout() = ToProto(absl::Minutes(3));
  *config.mutable_storage_wait() = ToProto(absl::Seconds(3));
  *config.mutable_storage_timeout() = ToProto(absl::Minutes(2));
  *config.mutable_drain_time() = ToProto(absl::Seconds(10));
  return config;
}

absl::Status CheckConfig(const config::LmtpdConfig& config) {
  if (config.listen().empty()) return ConfigError("listen", "needs at least one address");
  for (const std::string& text : config.listen()) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (!address.ok()) return ConfigError("listen", address.status().message());
  }
  if (!ParseMode(config.unix_socket_mode()).has_value()) {
    return ConfigError("unix_socket_mode", "must be octal, such as \"0666\" or \"0660\"");
  }
  if (config.storage().address().empty()) {
    return ConfigError("storage.address", "must be HOST:PORT or unix:PATH");
  }
  for (const char c : config.hostname()) {
    if (c <= 0x20 || c >= 0x7F) {
      return ConfigError("hostname", "must be a host name in its ASCII form");
    }
  }
  if (config.hostname().size() > 255) {
    return ConfigError("hostname", "must have at most 255 octets");
  }
  if (config.max_message_octets() == 0) {
    return ConfigError("max_message_octets", "must be at least 1");
  }
  if (config.max_recipients() == 0 || config.max_recipients() > kMaxRecipients) {
    return ConfigError("max_recipients", absl::StrCat("must be 1 to ", kMaxRecipients));
  }
  if (config.max_connections() == 0)
    return ConfigError("max_connections", "must be at least 1");
  if (config.max_bad_commands() == 0) {
    return ConfigError("max_bad_commands", "must be at least 1");
  }
  if (config.threads() > 256) return ConfigError("threads", "must be at most 256");
  return CheckDurations(config);
}

unsigned SocketMode(const config::LmtpdConfig& config) {
  return ParseMode(config.unix_socket_mode()).value_or(0600);
}

}  // namespace restante::lmtp
