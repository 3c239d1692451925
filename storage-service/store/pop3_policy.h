// What POP3 does with an account's mail and how often it may be asked: policies,
// how they are inherited field by field (account, domain, service), and what CAPA
// announces of them. Plain values; policies.h keeps them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace restante::store {

struct Pop3Policy {
  enum class Deletion : uint8_t {
    kInherited = 0,
    kExpunge = 1,
    kHide = 2,  // gone for POP3, stays in the INBOX
    kMove = 3,  // to the mailbox `move_to`
  };
  Deletion deletion = Deletion::kInherited;
  std::string move_to;  // empty: inherited

  // For how long a message is kept after POP3 first retrieved it, and after it came
  // into the mailbox. Zero: it isn't expunged for this reason. Nothing: inherited.
  std::optional<absl::Duration> expire_retrieved;
  std::optional<absl::Duration> expire_arrived;

  // From one successful login to the next. Zero: none.
  std::optional<absl::Duration> login_delay;

  friend bool operator==(const Pop3Policy&, const Pop3Policy&) = default;
  bool empty() const { return *this == Pop3Policy(); }
  bool expires() const { return RetrievedExpiry() > Zero() || ArrivedExpiry() > Zero(); }

  // Of a policy that has inherited all.
  absl::Duration RetrievedExpiry() const { return expire_retrieved.value_or(Zero()); }
  absl::Duration ArrivedExpiry() const { return expire_arrived.value_or(Zero()); }
  absl::Duration LoginDelay() const { return login_delay.value_or(Zero()); }

 private:
  static constexpr absl::Duration Zero() { return absl::ZeroDuration(); }
};

inline constexpr absl::Duration kLongestLoginDelay = absl::Hours(24);

// Where DELETION_MOVE moves to if nobody says where.
inline constexpr char kDefaultMoveTo[] = "Trash";

// What holds when nobody has said anything.
Pop3Policy DefaultPop3Policy();

// INVALID_REQUEST; names the field.
absl::Status CheckPolicy(const Pop3Policy& policy);

// `own`, with what it leaves open taken from `from`.
Pop3Policy Inherit(Pop3Policy own, const Pop3Policy& from);

// Fields to set to what `to` has; what it leaves open is inherited again.
struct Pop3PolicyChange {
  Pop3Policy to;
  bool deletion = false;
  bool move_to = false;
  bool expire_retrieved = false;
  bool expire_arrived = false;
  bool login_delay = false;

  Pop3Policy ApplyTo(Pop3Policy policy) const;
};

// RFC 2449, sections 6.5 and 6.7.
struct Pop3Announcement {
  std::optional<uint32_t> expire_days;  // nothing: NEVER
  uint32_t login_delay_seconds = 0;
  bool expire_differs = false;
  bool login_delay_differs = false;

  friend bool operator==(const Pop3Announcement&, const Pop3Announcement&) = default;
};

// Of one account's effective policy. Days are rounded down, seconds up: what is
// announced is never more than what is kept.
Pop3Announcement AnnouncementOf(const Pop3Policy& effective);

// Of both: the stricter figures, and whether they differ.
Pop3Announcement Strictest(const Pop3Announcement& a, const Pop3Announcement& b);

// The name of a mailbox that isn't INBOX: 1 to 255 octets of UTF-8 without control
// characters, levels divided by '/', none of them empty. BAD_ADDRESS.
absl::Status CheckMailboxName(absl::string_view name);

}  // namespace restante::store
