#include "common/server_config.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
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

absl::Status CheckTls(const config::Tls& tls, bool listen_tls) {
  const bool certificate = !tls.certificate_file().empty();
  if (certificate != !tls.key_file().empty()) {
    return ConfigError(certificate ? "tls.key_file" : "tls.certificate_file",
                       "is missing; a certificate and its key go together");
  }
  for (int i = 0; i < tls.certificates_size(); ++i) {
    const config::TlsCertificate& pair = tls.certificates(i);
    if (!pair.certificate_file().empty() && !pair.key_file().empty()) continue;
    return ConfigError(absl::StrCat("tls.certificates[", i, "]"),
                       "needs certificate_file and key_file");
  }
  const bool any = certificate || tls.certificates_size() != 0;
  if (!any && listen_tls) {
    return ConfigError("tls.certificate_file", "is missing; listen_tls needs it");
  }
  if (!any && !tls.client_ca_file().empty()) {
    return ConfigError("tls.certificate_file", "is missing; tls.client_ca_file needs it");
  }
  const absl::Duration reload = FromProto(tls.reload_interval());
  if (reload < absl::ZeroDuration() || reload > absl::Hours(24)) {
    return ConfigError("tls.reload_interval", "must be at most 24h; 0s: never");
  }
  return absl::OkStatus();
}

ServerTlsOptions TlsOptionsFrom(const config::Tls& tls, absl::string_view alpn) {
  ServerTlsOptions options;
  if (!tls.certificate_file().empty()) {
    options.certificates.push_back({tls.certificate_file(), tls.key_file()});
  }
  for (const config::TlsCertificate& pair : tls.certificates()) {
    options.certificates.push_back({pair.certificate_file(), pair.key_file()});
  }
  options.client_ca_file = tls.client_ca_file();
  options.alpn = std::string(alpn);
  return options;
}

absl::Status CheckNetworks(absl::string_view key,
                           const google::protobuf::RepeatedPtrField<std::string>& networks) {
  for (const std::string& text : networks) {
    const absl::StatusOr<Network> network = Network::Parse(text);
    if (!network.ok()) return ConfigError(key, network.status().message());
  }
  return absl::OkStatus();
}

std::vector<Network> ParseNetworks(
    const google::protobuf::RepeatedPtrField<std::string>& networks) {
  std::vector<Network> parsed;
  for (const std::string& text : networks) parsed.push_back(*Network::Parse(text));
  return parsed;
}

absl::Status CheckProxy(const config::Proxy& proxy,
                        const google::protobuf::RepeatedPtrField<std::string>& listen,
                        const google::protobuf::RepeatedPtrField<std::string>& listen_tls) {
  if (absl::Status status = CheckNetworks("proxy.networks", proxy.networks()); !status.ok()) {
    return status;
  }
  for (const std::string& listener : proxy.listeners()) {
    if (std::find(listen.begin(), listen.end(), listener) != listen.end()) continue;
    if (std::find(listen_tls.begin(), listen_tls.end(), listener) != listen_tls.end()) continue;
    return ConfigError("proxy.listeners", absl::StrCat("'", listener,
                                                       "' is in neither listen nor "
                                                       "listen_tls"));
  }
  const absl::Duration timeout = FromProto(proxy.timeout());
  if (timeout < absl::Milliseconds(100) || timeout > absl::Minutes(5)) {
    return ConfigError("proxy.timeout", "must be between 100ms and 5m");
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
