#include "storage-service/store/pop3_policy.h"

#include <unistr.h>

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"

namespace restante::store {
namespace {

constexpr size_t kLongestName = 255;
// Beyond it a time in microseconds overflows.
constexpr absl::Duration kLongestExpiry = absl::Hours(24 * 36'500);

absl::Status InvalidPolicy(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST, message);
}

absl::Status CheckDuration(absl::string_view field, std::optional<absl::Duration> value,
                           absl::Duration most, absl::string_view most_in_words) {
  if (!value || (*value >= absl::ZeroDuration() && *value <= most)) return absl::OkStatus();
  return InvalidPolicy(absl::StrCat(field, ": ", absl::FormatDuration(*value),
                                    " is out of range: 0s to ", most_in_words));
}

}  // namespace

Pop3Policy DefaultPop3Policy() {
  Pop3Policy policy;
  policy.deletion = Pop3Policy::Deletion::kExpunge;
  policy.move_to = kDefaultMoveTo;
  policy.expire_retrieved = policy.expire_arrived = policy.login_delay = absl::ZeroDuration();
  return policy;
}

absl::Status CheckMailboxName(absl::string_view name) {
  const auto bad = [name](absl::string_view why) {
    return MakeError(v1::ERROR_REASON_BAD_ADDRESS,
                     absl::StrCat("the mailbox name \"",
                                  absl::Utf8SafeCHexEscape(name.substr(0, 64)), "\" ", why));
  };
  if (name.empty()) return bad("is empty");
  if (name.size() > kLongestName) {
    return bad(
        absl::StrCat("begins a name of ", name.size(), " octets; at most ", kLongestName));
  }
  if (u8_check(reinterpret_cast<const uint8_t*>(name.data()), name.size()) != nullptr) {
    return MakeError(v1::ERROR_REASON_BAD_ADDRESS, "the mailbox name isn't UTF-8");
  }
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  };
  if (std::any_of(name.begin(), name.end(), is_control)) {
    return MakeError(v1::ERROR_REASON_BAD_ADDRESS, "the mailbox name has control characters");
  }
  for (absl::string_view level : absl::StrSplit(name, '/')) {
    if (level.empty()) return bad("has an empty level");
  }
  if (absl::EqualsIgnoreCase(name, "INBOX")) return bad("is where the mail is already");
  return absl::OkStatus();
}

absl::Status CheckPolicy(const Pop3Policy& policy) {
  if (!policy.move_to.empty()) {
    absl::Status name = CheckMailboxName(policy.move_to);
    if (!name.ok()) return InvalidPolicy(absl::StrCat("move_to: ", name.message()));
  }
  for (const absl::Status& status :
       {CheckDuration("expire_retrieved", policy.expire_retrieved, kLongestExpiry, "100 years"),
        CheckDuration("expire_arrived", policy.expire_arrived, kLongestExpiry, "100 years"),
        CheckDuration("login_delay", policy.login_delay, kLongestLoginDelay, "1 day")}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

Pop3Policy Inherit(Pop3Policy own, const Pop3Policy& from) {
  if (own.deletion == Pop3Policy::Deletion::kInherited) own.deletion = from.deletion;
  if (own.move_to.empty()) own.move_to = from.move_to;
  if (!own.expire_retrieved) own.expire_retrieved = from.expire_retrieved;
  if (!own.expire_arrived) own.expire_arrived = from.expire_arrived;
  if (!own.login_delay) own.login_delay = from.login_delay;
  return own;
}

Pop3Policy Pop3PolicyChange::ApplyTo(Pop3Policy policy) const {
  if (deletion) policy.deletion = to.deletion;
  if (move_to) policy.move_to = to.move_to;
  if (expire_retrieved) policy.expire_retrieved = to.expire_retrieved;
  if (expire_arrived) policy.expire_arrived = to.expire_arrived;
  if (login_delay) policy.login_delay = to.login_delay;
  return policy;
}

Pop3Announcement AnnouncementOf(const Pop3Policy& effective) {
  Pop3Announcement announcement;
  for (const absl::Duration expiry : {effective.RetrievedExpiry(), effective.ArrivedExpiry()}) {
    if (expiry <= absl::ZeroDuration()) continue;
    const auto days = static_cast<uint32_t>(expiry / absl::Hours(24));
    announcement.expire_days = std::min(announcement.expire_days.value_or(days), days);
  }
  announcement.login_delay_seconds = static_cast<uint32_t>(
      absl::ToInt64Seconds(absl::Ceil(effective.LoginDelay(), absl::Seconds(1))));
  return announcement;
}

Pop3Announcement Strictest(const Pop3Announcement& a, const Pop3Announcement& b) {
  Pop3Announcement both;
  both.expire_days = a.expire_days;
  if (!a.expire_days || (b.expire_days && *b.expire_days < *a.expire_days)) {
    both.expire_days = b.expire_days;
  }
  both.login_delay_seconds = std::max(a.login_delay_seconds, b.login_delay_seconds);
  both.expire_differs = a.expire_differs || b.expire_differs || a.expire_days != b.expire_days;
  both.login_delay_differs = a.login_delay_differs || b.login_delay_differs ||
                             a.login_delay_seconds != b.login_delay_seconds;
  return both;
}

}  // namespace restante::store
