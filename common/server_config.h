// What the configurations of servers have in common, checked. Errors name the key.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/config.pb.h"
#include "common/network.h"
#include "common/tls.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace restante {

// More than 0 and at most 24h.
absl::Status CheckDuration(absl::string_view key, const google::protobuf::Duration& duration);

// Each is what ParseListenAddress() takes.
absl::Status CheckListen(absl::string_view key,
                         const google::protobuf::RepeatedPtrField<std::string>& addresses);

// `tls` as the section of that name; `listen_tls`: there are addresses that need it.
absl::Status CheckTls(const config::Tls& tls, bool listen_tls);

// Of a section that CheckTls accepts; without certificates: no TLS. `alpn` as in tls.h.
ServerTlsOptions TlsOptionsFrom(const config::Tls& tls, absl::string_view alpn);

absl::Status CheckNetworks(absl::string_view key,
                           const google::protobuf::RepeatedPtrField<std::string>& networks);
// Of a list that CheckNetworks accepts.
std::vector<Network> ParseNetworks(
    const google::protobuf::RepeatedPtrField<std::string>& networks);

// `proxy` as the section of that name, of a server with these addresses.
absl::Status CheckProxy(const config::Proxy& proxy,
                        const google::protobuf::RepeatedPtrField<std::string>& listen,
                        const google::protobuf::RepeatedPtrField<std::string>& listen_tls);

// Access rights in octal, at most 0777.
std::optional<mode_t> ParseSocketMode(const std::string& octal);
absl::Status CheckSocketMode(absl::string_view key, const std::string& octal);

}  // namespace restante
