#include "storage-service/store/saslprep.h"

#include <openssl/crypto.h>
#include <stringprep.h>
#include <unistr.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/errors.h"

namespace restante::store {
namespace {

// It may be a password.
struct WipeAndFree {
  void operator()(char* text) const {
    OPENSSL_cleanse(text, std::strlen(text));
    std::free(text);
  }
};

int Prepare(const std::string& text, std::unique_ptr<char, WipeAndFree>* prepared) {
  char* out = nullptr;
  const int result = stringprep_profile(text.c_str(), &out, "SASLprep",
                                        static_cast<Stringprep_profile_flags>(0));
  prepared->reset(result == STRINGPREP_OK ? out : nullptr);
  return result;
}

// " (U+0007)" for the first character that can't be in any text.
std::string Culprit(absl::string_view text) {
  const auto* data = reinterpret_cast<const uint8_t*>(text.data());
  for (size_t at = 0; at < text.size();) {
    ucs4_t c = 0;
    const auto octets = static_cast<size_t>(u8_mbtouc(&c, data + at, text.size() - at));
    std::unique_ptr<char, WipeAndFree> ignored;
    if (Prepare(std::string(text.substr(at, octets)), &ignored) ==
        STRINGPREP_CONTAINS_PROHIBITED) {
      return absl::StrFormat(" (U+%04X)", c);
    }
    at += octets;
  }
  return "";
}

absl::Status Refused(absl::string_view what, absl::string_view why) {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST, absl::StrCat("the ", what, " ", why));
}

}  // namespace

absl::StatusOr<std::string> SaslPrep(absl::string_view what, absl::string_view text) {
  if (std::all_of(text.begin(), text.end(), absl::ascii_isprint)) return std::string(text);
  if (u8_check(reinterpret_cast<const uint8_t*>(text.data()), text.size()) != nullptr) {
    return Refused(what, "isn't UTF-8");
  }
  if (text.find('\0') != absl::string_view::npos) {
    return Refused(what, "contains a control character (U+0000)");
  }
  std::unique_ptr<char, WipeAndFree> prepared;
  switch (Prepare(std::string(text), &prepared)) {
    case STRINGPREP_OK:
      return std::string(prepared.get());
    case STRINGPREP_CONTAINS_PROHIBITED:
      return Refused(what, absl::StrCat("contains a control character or another that SASLprep "
                                        "prohibits",
                                        Culprit(text)));
    case STRINGPREP_BIDI_BOTH_L_AND_RAL:
      return Refused(what,
                     "mixes letters written from left to right with others written from "
                     "right to left, which SASLprep prohibits");
    case STRINGPREP_BIDI_LEADTRAIL_NOT_RAL:
      return Refused(what,
                     "is written from right to left and must begin and end with a letter "
                     "of that direction (SASLprep)");
    case STRINGPREP_BIDI_CONTAINS_PROHIBITED:
      return Refused(what,
                     "contains a character that changes the direction of writing, which "
                     "SASLprep prohibits");
    default:
      return Refused(what, "can't be prepared by SASLprep");
  }
}

bool HasProhibited(absl::string_view text) {
  if (std::all_of(text.begin(), text.end(), absl::ascii_isprint)) return false;
  if (u8_check(reinterpret_cast<const uint8_t*>(text.data()), text.size()) != nullptr ||
      text.find('\0') != absl::string_view::npos) {
    return true;
  }
  std::unique_ptr<char, WipeAndFree> ignored;
  return Prepare(std::string(text), &ignored) == STRINGPREP_CONTAINS_PROHIBITED;
}

}  // namespace restante::store
