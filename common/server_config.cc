#include "common/server_config.h"

#include <charconv>

#include "common/config.h"
#include "common/net.h"

namespace restante {

absl::Status CheckDuration(absl::string_view key, const google::protobuf::Duration& duration) {
  const absl::Duration value = FromProto(duration);
  if (value > absl::ZeroDuration() && value <= absl::Hours(24)) return absl::OkStatus();
  return ConfigError(key, "must be more than 0 and at most 24h");
}

absl::Status CheckListen(absl::string_view key,
                         const google::protobuf::RepeatedPtrField<std::string>& addresses) {
  for (const std::string& text : addresses) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (!address.ok()) return ConfigError(key, address.status().message());
  }
  return absl::OkStatus();
}

std::optional<mode_t> ParseSocketMode(const std::string& octal) {
  mode_t mode = 0;
  const char* end = octal.data() + octal.size();
  const auto [stop, error] = std::from_chars(octal.data(), end, mode, 8);
  if (error != std::errc() || stop != end || mode > 0777) return std::nullopt;
  return mode;
}

absl::Status CheckSocketMode(absl::string_view key, const std::string& octal) {
  if (ParseSocketMode(octal).has_value()) return absl::OkStatus();
  return ConfigError(key, "must be octal, such as \"0666\" or \"0660\"");
}

}  // namespace restante
