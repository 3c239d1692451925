#include "storage-service/store/mailbox_names.h"

#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"
#include "storage-service/store/account_records.h"
#include "storage-service/store/pop3_policy.h"

namespace restante::store {
namespace {

constexpr std::pair<uint32_t, const char*> kSpecialUses[] = {
    {1, "\\All"},         {2, "\\Archive"}, {4, "\\Drafts"}, {8, "\\Flagged"},
    {kJunkUse, "\\Junk"}, {32, "\\Sent"},   {64, "\\Trash"}, {128, "\\Important"}};

const uint8_t* Units(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

bool IsNfc(absl::string_view text) {
  struct Free {
    void operator()(uint8_t* octets) const { std::free(octets); }
  };
  size_t length = 0;
  const std::unique_ptr<uint8_t, Free> normal(
      u8_normalize(UNINORM_NFC, Units(text), text.size(), nullptr, &length));
  return normal != nullptr &&
         absl::string_view(reinterpret_cast<const char*>(normal.get()), length) == text;
}

bool HasForbidden(absl::string_view text) {
  const uint8_t* next = Units(text);
  const uint8_t* const end = next + text.size();
  while (next < end) {
    ucs4_t c = 0;
    next += u8_mbtouc(&c, next, static_cast<size_t>(end - next));
    if ((c >= 0x80 && c < 0xA0) || c == 0x2028 || c == 0x2029) return true;
  }
  return false;
}

}  // namespace

std::string CanonicalMailboxName(absl::string_view name) {
  const absl::string_view kInboxName = kInbox;
  if (name.empty()) return std::string(kInboxName);
  const bool inbox = absl::StartsWithIgnoreCase(name, kInboxName) &&
                     (name.size() == kInboxName.size() || name[kInboxName.size()] == '/');
  if (!inbox) return std::string(name);
  return absl::StrCat(kInboxName, name.substr(kInboxName.size()));
}

absl::Status CheckNewMailboxName(absl::string_view name) {
  absl::Status legal = CheckMailboxName(name);
  if (!legal.ok()) return legal;
  const auto bad = [name](absl::string_view why) {
    return MakeError(
        v1::ERROR_REASON_BAD_ADDRESS,
        absl::StrCat("the mailbox name \"", absl::Utf8SafeCHexEscape(name), "\" ", why));
  };
  if (HasForbidden(name)) return bad("has control characters or separators of lines");
  if (!IsNfc(name)) return bad("isn't in Unicode's normalization form C");
  for (absl::string_view level : absl::StrSplit(name, '/')) {
    if (level.front() == ' ' || level.back() == ' ') {
      return bad("has a level that begins or ends with a space");
    }
  }
  return absl::OkStatus();
}

bool DifferInCaseOnly(absl::string_view name, absl::string_view other) {
  if (absl::EqualsIgnoreCase(name, other)) return true;
  int order = 0;
  // The empty language: the same for everybody, whatever the locale.
  return u8_casecmp(Units(name), name.size(), Units(other), other.size(), "", UNINORM_NFC,
                    &order) == 0 &&
         order == 0;
}

std::vector<std::string> SuperiorsOf(absl::string_view name) {
  std::vector<std::string> superiors;
  for (size_t i = name.find('/'); i != absl::string_view::npos; i = name.find('/', i + 1)) {
    const absl::string_view superior = name.substr(0, i);
    if (superior != kInbox) superiors.emplace_back(superior);
  }
  return superiors;
}

bool IsBelow(absl::string_view name, absl::string_view superior) {
  return name.size() > superior.size() && absl::StartsWith(name, superior) &&
         name[superior.size()] == '/';
}

absl::StatusOr<uint32_t> SpecialUseBits(const std::vector<std::string>& uses) {
  uint32_t bits = 0;
  for (const std::string& use : uses) {
    const auto known = std::find_if(
        std::begin(kSpecialUses), std::end(kSpecialUses),
        [&](const auto& entry) { return absl::EqualsIgnoreCase(entry.second, use); });
    if (known == std::end(kSpecialUses)) {
      return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                       absl::StrCat("special_use: \"", absl::Utf8SafeCHexEscape(use),
                                    "\" is none that is known"));
    }
    bits |= known->first;
  }
  return bits;
}

std::vector<std::string> SpecialUseNames(uint32_t bits) {
  std::vector<std::string> names;
  for (const auto& [bit, name] : kSpecialUses) {
    if (bits & bit) names.emplace_back(name);
  }
  return names;
}

}  // namespace restante::store
