// Replies as they go onto the wire (RFC 1939, section 3; response codes by RFC
// 2449 and 3206). Nothing that a client sent is ever repeated in one, so a first
// line stays far under the 512 octets that are allowed. Their words are in
// languages.h.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pop3d/languages.h"

namespace restante::pop3 {

inline constexpr absl::string_view kAuthCode = "[AUTH] ";
inline constexpr absl::string_view kInUseCode = "[IN-USE] ";
inline constexpr absl::string_view kSysPermCode = "[SYS/PERM] ";
inline constexpr absl::string_view kSysTempCode = "[SYS/TEMP] ";

void AppendOk(absl::string_view text, std::string* out);
void AppendError(absl::string_view text, std::string* out);
void AppendError(absl::string_view code, absl::string_view text, std::string* out);

// The code that ReplyFor() in common/errors.h has for the error, and the text.
void AppendError(const absl::Status& status, Language language, std::string* out);

inline void AppendEnd(std::string* out) { out->append(".\r\n"); }

}  // namespace restante::pop3
