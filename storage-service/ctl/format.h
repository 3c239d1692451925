// Values as people read them, and as programs do.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/timestamp.pb.h"

namespace restante::ctl {

// Exact, and beside it in a unit for people: "512", "1572864 (1.5 MiB)".
std::string FormatOctets(uint64_t octets);

// A quota: as FormatOctets, or "none" for 0.
std::string FormatQuota(uint64_t octets);

// RFC 3339 in UTC to the second: "2026-01-31T12:00:00Z"; empty if not set.
std::string FormatTime(const google::protobuf::Timestamp& time);

// Safe on a terminal: control characters (also those of U+0080 to U+009F) and octets
// that aren't UTF-8 are written as \xNN. `keep` are control characters that stay.
std::string Printable(absl::string_view text, absl::string_view keep = "");

bool IsUtf8(absl::string_view text);

}  // namespace restante::ctl
