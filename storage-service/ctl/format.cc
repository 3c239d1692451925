#include "storage-service/ctl/format.h"

#include <unistr.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace restante::ctl {
namespace {

const uint8_t* Octets(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

std::string FormatOctets(uint64_t octets) {
  if (octets < 1024) return absl::StrCat(octets);
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(octets) / 1024;
  size_t unit = 0;
  // 1023.95 would be printed as 1024.0.
  while (size >= 1023.95 && unit + 1 < kUnits.size()) {
    size /= 1024;
    ++unit;
  }
  return absl::StrFormat("%d (%.1f %s)", octets, size, kUnits[unit]);
}

std::string FormatQuota(uint64_t octets) { return octets == 0 ? "none" : FormatOctets(octets); }

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

std::string Printable(absl::string_view text, absl::string_view keep) {
  std::string printable;
  for (size_t at = 0; at < text.size();) {
    ucs4_t c = 0;
    const int length = u8_mbtoucr(&c, Octets(text) + at, text.size() - at);
    const size_t octets = length > 0 ? static_cast<size_t>(length) : 1;
    const absl::string_view one = text.substr(at, octets);
    const bool control = length <= 0 || c < 0x20 || (c >= 0x7F && c <= 0x9F);
    if (!control || (octets == 1 && keep.find(one[0]) != absl::string_view::npos)) {
      absl::StrAppend(&printable, one);
    } else {
      for (const char octet : one) {
        absl::StrAppendFormat(&printable, "\\x%02x", static_cast<unsigned char>(octet));
      }
    }
    at += octets;
  }
  return printable;
}

bool IsUtf8(absl::string_view text) { return u8_check(Octets(text), text.size()) == nullptr; }

}  // namespace restante::ctl
