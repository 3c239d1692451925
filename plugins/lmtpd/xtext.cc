#include "plugins/lmtpd/xtext.h"

namespace restante::lmtp {
namespace {

// -1: not a digit.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> DecodeXtext(std::string_view xtext, bool utf8) {
  std::string octets;
  octets.reserve(xtext.size());
  for (size_t i = 0; i < xtext.size(); ++i) {
    const char c = xtext[i];
    if (c == '+') {
      if (xtext.size() - i < 3) return std::nullopt;
      const int high = HexDigit(xtext[i + 1]);
      const int low = HexDigit(xtext[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      octets.push_back(static_cast<char>(high * 16 + low));
      i += 2;
      continue;
    }
    const bool ascii = static_cast<unsigned char>(c) < 0x80;
    if (ascii ? c <= ' ' || c == 0x7F || c == '=' : !utf8) return std::nullopt;
    octets.push_back(c);
  }
  return octets;
}

}  // namespace restante::lmtp
