// Names of mailboxes: levels divided by '/', UTF-8 in NFC, compared octet by octet; but
// INBOX, as a name or as the first level of one, in any case (RFC 9051, section 5.1).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::store {

// "" is INBOX; a first level that is INBOX in any case becomes "INBOX".
std::string CanonicalMailboxName(absl::string_view name);

// Whether a mailbox may get this name from a client, beyond CheckMailboxName: it is in
// NFC, and has no C1 controls and no line or paragraph separators (RFC 5198); its
// levels don't begin or end with a space. BAD_ADDRESS says what is wrong.
absl::Status CheckNewMailboxName(absl::string_view name);

// Whether two names differ in case only, or not at all.
bool DifferInCaseOnly(absl::string_view name, absl::string_view other);

// What is above a name, outermost first; not INBOX, which is always there.
std::vector<std::string> SuperiorsOf(absl::string_view name);

// Whether a mailbox is somewhere below another.
bool IsBelow(absl::string_view name, absl::string_view superior);

inline constexpr uint32_t kJunkUse = 16;  // \Junk

// Special uses (RFC 6154, RFC 8457), such as "\\Sent", as bits and back, in any case.
// INVALID_REQUEST names the one that is none.
absl::StatusOr<uint32_t> SpecialUseBits(const std::vector<std::string>& uses);
std::vector<std::string> SpecialUseNames(uint32_t bits);

}  // namespace restante::store
