// What CAPA announces (RFC 2449): the same before login and after, but for STLS.
#pragma once

#include <string>

#include "pop3d/settings.h"

namespace restante::pop3 {

struct CapabilityState {
  // STLS can be used now.
  bool stls = false;
  // USER and SASL PLAIN can be used, or could before login.
  bool passwords = false;
};

// Appends the whole response.
void AppendCapabilities(const Settings& settings, CapabilityState state, std::string* out);

}  // namespace restante::pop3
