#include "plugins/lmtpd/dsn.h"

#include <algorithm>
#include <optional>
#include <string>

#include "plugins/lmtpd/words.h"
#include "plugins/lmtpd/xtext.h"

namespace restante::lmtp {
namespace {

// RFC 3461, sections 4.4 and 4.2, before they are encoded.
constexpr size_t kMaxEnvidOctets = 100;
constexpr size_t kMaxOrcptOctets = 500;

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c >= 0x20 && c < 0x7F; });
}

// An atom (RFC 5322, section 3.2.3), as types of addresses are.
bool IsAddressType(std::string_view type) {
  return !type.empty() && std::all_of(type.begin(), type.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7F &&
           std::string_view("()<>[]:;@\\,.\"").find(static_cast<char>(c)) ==
               std::string_view::npos;
  });
}

}  // namespace

const Reply* CheckRet(std::string_view value) {
  const bool known = EqualsIgnoreCase(value, "FULL") || EqualsIgnoreCase(value, "HDRS");
  return known ? nullptr : &reply::kBadRet;
}

const Reply* CheckEnvid(std::string_view value) {
  const std::optional<std::string> id = DecodeXtext(value);
  const bool valid =
      id.has_value() && !id->empty() && id->size() <= kMaxEnvidOctets && IsPrintable(*id);
  return valid ? nullptr : &reply::kBadEnvid;
}

const Reply* CheckNotify(std::string_view value) {
  if (EqualsIgnoreCase(value, "NEVER")) return nullptr;
  // One word behind each comma, and before the first.
  while (true) {
    const size_t comma = value.find(',');
    const std::string_view word = value.substr(0, comma);
    if (!EqualsIgnoreCase(word, "SUCCESS") && !EqualsIgnoreCase(word, "FAILURE") &&
        !EqualsIgnoreCase(word, "DELAY")) {
      return &reply::kBadNotify;
    }
    if (comma == value.npos) return nullptr;
    value.remove_prefix(comma + 1);
  }
}

const Reply* CheckOrcpt(std::string_view value, bool smtputf8) {
  const size_t semicolon = value.find(';');
  if (semicolon == value.npos) return &reply::kBadOrcpt;
  const std::string_view type = value.substr(0, semicolon);
  const bool utf8 = smtputf8 && EqualsIgnoreCase(type, "utf-8");
  const std::optional<std::string> address = DecodeXtext(value.substr(semicolon + 1), utf8);
  const bool valid = IsAddressType(type) && address.has_value() && !address->empty() &&
                     address->size() <= kMaxOrcptOctets && (utf8 || IsPrintable(*address));
  return valid ? nullptr : &reply::kBadOrcpt;
}

}  // namespace restante::lmtp
