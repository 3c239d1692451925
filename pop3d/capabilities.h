// What CAPA announces (RFC 2449): the same before login and after, but for STLS and
// for figures that depend on the account.
#pragma once

#include <string>

#include "pop3d/languages.h"
#include "pop3d/settings.h"
#include "restante/v1/types.pb.h"

namespace restante::pop3 {

struct CapabilityState {
  // STLS can be used now.
  bool stls = false;
  // USER and SASL PLAIN can be used, or could before login.
  bool passwords = false;
  // The client has shown a certificate that SASL EXTERNAL takes.
  bool certificate = false;
  bool logged_in = false;
  // The account's policy; before login, the strictest that any account has.
  const v1::Pop3Announcement& policy;
  Language language = Language::kDefault;
};

// Appends the whole response.
void AppendCapabilities(const Settings& settings, const CapabilityState& state,
                        std::string* out);

// Appends the names of the SASL mechanisms that can be used, `before` each of them and
// `after` each.
void AppendMechanisms(const CapabilityState& state, absl::string_view before,
                      absl::string_view after, std::string* out);

}  // namespace restante::pop3
