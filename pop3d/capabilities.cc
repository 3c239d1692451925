#include "pop3d/capabilities.h"

#include "absl/strings/str_cat.h"
#include "pop3d/faults.h"
#include "pop3d/replies.h"

namespace restante::pop3 {
namespace {

// RFC 2449, sections 6.5 and 6.7. A figure that isn't every account's is followed by
// USER, which only makes sense as long as nobody knows whose session it is.
void AppendPolicy(const CapabilityState& state, std::string* out) {
  const v1::Pop3Announcement& policy = state.policy;
  if (policy.has_expire_days()) {
    absl::StrAppend(out, "EXPIRE ", policy.expire_days(),
                    policy.expire_differs() && !state.logged_in ? " USER\r\n" : "\r\n");
  } else {
    out->append("EXPIRE NEVER\r\n");
  }
  absl::StrAppend(out, "LOGIN-DELAY ", policy.login_delay_seconds(),
                  policy.login_delay_differs() && !state.logged_in ? " USER\r\n" : "\r\n");
}

}  // namespace

void AppendMechanisms(const CapabilityState& state, absl::string_view before,
                      absl::string_view after, std::string* out) {
  if (state.passwords) absl::StrAppend(out, before, "PLAIN", after);
  if (state.certificate) absl::StrAppend(out, before, "EXTERNAL", after);
}

void AppendCapabilities(const Settings& settings, const CapabilityState& state,
                        std::string* out) {
  AppendOk(TextIn(state.language, Text::kCapabilities), out);
  if (state.stls || On(Fault::kCapaListsStlsUnderTls)) out->append("STLS\r\n");
  // RFC 2449, section 6.2, and RFC 5034, sections 3 and 4.
  if (state.passwords && !(state.logged_in && On(Fault::kCapaDiffersByState))) {
    out->append("USER\r\n");
  }
  if (state.passwords || state.certificate) {
    out->append("SASL");
    AppendMechanisms(state, " ", "", out);
    out->append("\r\n");
  }
  if (state.logged_in || !On(Fault::kCapaLacksTopBeforeLogin)) out->append("TOP\r\nUIDL\r\n");
  out->append("RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n");
  // RFC 6856, sections 2 and 3.
  if (!settings.hide_utf8) out->append("UTF8 USER\r\n");
  out->append("LANG\r\n");
  AppendPolicy(state, out);
  if (!settings.implementation.empty()) {
    absl::StrAppend(out, "IMPLEMENTATION ", settings.implementation, "\r\n");
  }
  AppendEnd(out);
}

}  // namespace restante::pop3
