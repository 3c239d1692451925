#include "pop3d/capabilities.h"

#include "absl/strings/str_cat.h"
#include "pop3d/replies.h"

namespace restante::pop3 {

void AppendCapabilities(const Settings& settings, CapabilityState state, std::string* out) {
  AppendOk("Capability list follows.", out);
  if (state.stls) out->append("STLS\r\n");
  // RFC 2449, section 6.3, and RFC 5034, section 6.
  if (state.passwords) out->append("USER\r\nSASL PLAIN\r\n");
  out->append("TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n");
  // Nothing is ever deleted but what a client deletes (RFC 2449, section 6.7).
  out->append("EXPIRE NEVER\r\n");
  if (!settings.implementation.empty()) {
    absl::StrAppend(out, "IMPLEMENTATION ", settings.implementation, "\r\n");
  }
  AppendEnd(out);
}

}  // namespace restante::pop3
