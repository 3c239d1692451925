#include "storage-service/store/addresses.h"

#include <idn2.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"

namespace restante::store {
namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

absl::Status Bad(absl::string_view address, absl::string_view why) {
  return MakeError(
      v1::ERROR_REASON_BAD_ADDRESS,
      absl::StrCat("address '", absl::Utf8SafeCHexEscape(address.substr(0, kMaxAddressOctets)),
                   "': ", why));
}

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isascii);
}

const uint8_t* AsUint8(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// Takes a quoted local part out of its quotes.
absl::StatusOr<std::string> Unquoted(absl::string_view address, absl::string_view quoted) {
  std::string local;
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] == '"') return Bad(address, "there is a quote inside the quoted local part");
    if (quoted[i] == '\\' && ++i + 1 == quoted.size()) {
      return Bad(address, "the quoted local part has no end");
    }
    local.push_back(quoted[i]);
  }
  return local;
}

// Why a character can't be in a local part; empty if it can.
absl::string_view Objection(ucs4_t c) {
  switch (c) {
    case '@':
      return "there is more than one @";
    case '"':
    case '\\':
    case '<':
    case '>':
      return "the part before the @ can't contain any of \" \\ < >";
    case 0x200C:  // joiners, which Persian and Indian scripts need
    case 0x200D:
      return "";
    default:
      break;
  }
  if (uc_is_general_category_withtable(
          c, UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp)) {
    return "it contains a space";
  }
  if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf)) {
    return "it contains a control or formatting character";
  }
  return "";
}

// A local part without its quotes, otherwise as it was written.
absl::StatusOr<std::string> PlainLocal(absl::string_view address, absl::string_view local) {
  std::string plain(local);
  if (local.size() >= 2 && local.front() == '"' && local.back() == '"') {
    absl::StatusOr<std::string> inner = Unquoted(address, local);
    if (!inner.ok()) return inner.status();
    plain = *std::move(inner);
  }
  if (plain.empty()) return Bad(address, "there is nothing before the @");

  for (size_t at = 0; at < plain.size();) {
    ucs4_t c = 0;
    const int octets = u8_mbtouc(&c, AsUint8(plain) + at, plain.size() - at);
    const absl::string_view objection = Objection(c);
    if (!objection.empty()) return Bad(address, objection);
    at += static_cast<size_t>(octets);
  }
  return plain;
}

absl::StatusOr<std::string> NormalizeLocal(absl::string_view address, absl::string_view local) {
  const absl::StatusOr<std::string> plain = PlainLocal(address, local);
  if (!plain.ok()) return plain.status();
  if (IsAscii(*plain)) return absl::AsciiStrToLower(*plain);

  size_t length = 0;
  // The empty language: the same for everybody, whatever the locale.
  const std::unique_ptr<uint8_t, Free> lower(
      u8_tolower(AsUint8(*plain), plain->size(), "", UNINORM_NFC, nullptr, &length));
  if (lower == nullptr) return Bad(address, "it can't be brought to lower case");
  return std::string(reinterpret_cast<const char*>(lower.get()), length);
}

bool IsHostLabel(absl::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

absl::StatusOr<std::string> NormalizeDomain(absl::string_view address,
                                            absl::string_view domain) {
  if (domain.empty()) return Bad(address, "there is nothing after the @");
  std::string ascii;
  if (IsAscii(domain)) ascii = absl::AsciiStrToLower(domain);
  if (ascii.empty() || absl::StrContains(ascii, "xn--")) {
    // Without IDN2_USE_STD3_ASCII_RULES: it drops forbidden characters silently,
    // and `a_b.example` would be `ab.example`. They are looked for below.
    uint8_t* out = nullptr;
    const int result =
        idn2_lookup_u8(reinterpret_cast<const uint8_t*>(std::string(domain).c_str()), &out,
                       IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    const std::unique_ptr<uint8_t, Free> owner(out);
    if (result != IDN2_OK) {
      return Bad(address, absl::StrCat("bad domain: ", idn2_strerror(result)));
    }
    ascii = absl::AsciiStrToLower(reinterpret_cast<const char*>(out));
  }
  for (const absl::string_view label : absl::StrSplit(ascii, '.')) {
    if (!IsHostLabel(label)) {
      return Bad(address,
                 "the domain must be labels of 1 to 63 letters, digits and inner hyphens, "
                 "with one dot between them");
    }
  }
  return ascii;
}

}  // namespace

absl::StatusOr<std::string> NormalizeAddress(absl::string_view address) {
  if (address.empty()) return Bad(address, "it is empty");
  if (address.size() > kMaxAddressOctets) {
    return Bad(address, absl::StrCat("it is longer than ", kMaxAddressOctets, " octets"));
  }
  if (u8_check(AsUint8(address), address.size()) != nullptr) {
    return Bad(address, "it isn't UTF-8");
  }
  if (address.find('\0') != absl::string_view::npos) {
    return Bad(address, "it contains a control or formatting character");
  }

  const size_t at = address.rfind('@');
  absl::StatusOr<std::string> local = NormalizeLocal(address, address.substr(0, at));
  if (!local.ok() || at == absl::string_view::npos) return local;
  const absl::StatusOr<std::string> domain = NormalizeDomain(address, address.substr(at + 1));
  if (!domain.ok()) return domain;

  std::string normalized = absl::StrCat(*local, "@", *domain);
  if (normalized.size() > kMaxAddressOctets) {
    return Bad(address,
               absl::StrCat("its normal form is longer than ", kMaxAddressOctets, " octets"));
  }
  return normalized;
}

std::optional<std::string> WithoutDetail(absl::string_view normalized) {
  const size_t at = std::min(normalized.rfind('@'), normalized.size());
  const size_t plus = normalized.substr(0, at).find('+');
  if (plus == absl::string_view::npos || plus == 0) return std::nullopt;
  return absl::StrCat(normalized.substr(0, plus), normalized.substr(at));
}

std::string DetailOf(absl::string_view address) {
  if (u8_check(AsUint8(address), address.size()) != nullptr) return "";
  const size_t at = std::min(address.rfind('@'), address.size());
  const absl::StatusOr<std::string> local = PlainLocal(address, address.substr(0, at));
  if (!local.ok()) return "";
  const size_t plus = local->find('+');
  if (plus == std::string::npos || plus == 0) return "";
  std::string detail = local->substr(plus + 1);
  if (IsAscii(detail)) return detail;
  size_t length = 0;
  const std::unique_ptr<uint8_t, Free> composed(
      u8_normalize(UNINORM_NFC, AsUint8(detail), detail.size(), nullptr, &length));
  if (composed == nullptr) return "";
  return std::string(reinterpret_cast<const char*>(composed.get()), length);
}

std::string DomainOf(absl::string_view normalized) {
  // The only one: a local part has none.
  const size_t at = normalized.find('@');
  return at == absl::string_view::npos ? std::string() : std::string(normalized.substr(at + 1));
}

absl::StatusOr<std::string> NormalizeDomain(absl::string_view domain) {
  if (domain.empty() || domain.find('@') != absl::string_view::npos) {
    return Bad(domain, "isn't a domain");
  }
  absl::StatusOr<std::string> address = NormalizeAddress(absl::StrCat("a@", domain));
  if (!address.ok()) return address.status();
  return DomainOf(*address);
}

}  // namespace restante::store
