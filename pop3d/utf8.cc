#include "pop3d/utf8.h"

#include <cstddef>
#include <cstdint>

namespace restante::pop3 {
namespace {

// The octets that follow a lead octet, and the range of the first of them, which
// is where overlong forms and surrogates show (RFC 3629, section 4).
struct Sequence {
  size_t following = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
};

bool SequenceOf(uint8_t lead, Sequence* sequence) {
  if (lead < 0x80) {
    *sequence = {0};
  } else if (lead >= 0xC2 && lead <= 0xDF) {
    *sequence = {1};
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    *sequence = {2, static_cast<uint8_t>(lead == 0xE0 ? 0xA0 : 0x80),
                 static_cast<uint8_t>(lead == 0xED ? 0x9F : 0xBF)};
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    *sequence = {3, static_cast<uint8_t>(lead == 0xF0 ? 0x90 : 0x80),
                 static_cast<uint8_t>(lead == 0xF4 ? 0x8F : 0xBF)};
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool IsUtf8(absl::string_view octets) {
  for (size_t i = 0; i < octets.size();) {
    Sequence sequence;
    if (!SequenceOf(static_cast<uint8_t>(octets[i++]), &sequence)) return false;
    if (octets.size() - i < sequence.following) return false;
    for (size_t k = 0; k < sequence.following; ++k) {
      const uint8_t octet = static_cast<uint8_t>(octets[i++]);
      const uint8_t low = k == 0 ? sequence.low : 0x80;
      const uint8_t high = k == 0 ? sequence.high : 0xBF;
      if (octet < low || octet > high) return false;
    }
  }
  return true;
}

}  // namespace restante::pop3
