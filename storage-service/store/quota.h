// How much mail an account may have, and a domain's accounts together: in octets and
// in messages. What is set for an account itself goes before what its domain's
// accounts have, and that before what the service's configuration says.
//
// Plain values, and what they mean; what there is of mail now is usage.h's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace restante::store {

// What somebody set. Nothing: inherited; 0: no limit.
struct Quota {
  std::optional<uint64_t> octets;
  std::optional<uint64_t> messages;

  bool empty() const { return !octets && !messages; }
  friend bool operator==(const Quota&, const Quota&) = default;
};

// `own`, and where that says nothing `base`.
inline Quota Inherit(const Quota& own, const Quota& base) {
  return {own.octets ? own.octets : base.octets, own.messages ? own.messages : base.messages};
}

// A change of a quota: what is named becomes what is given; nothing: inherited again.
struct QuotaChange {
  std::optional<std::optional<uint64_t>> octets;
  std::optional<std::optional<uint64_t>> messages;

  bool empty() const { return !octets && !messages; }
  Quota ApplyTo(Quota quota) const {
    if (octets) quota.octets = *octets;
    if (messages) quota.messages = *messages;
    return quota;
  }
};

// By how much one delivery may bring an account over its quota of octets, as long as
// it was below it before: the larger of the two. A message that is nearly all of what
// was left would otherwise bounce for ever, while smaller ones go on coming.
struct QuotaGrace {
  uint32_t percent = 10;
  uint64_t octets = 0;

  uint64_t Of(uint64_t quota_octets) const {
    return std::max(octets, quota_octets / 100 * percent + quota_octets % 100 * percent / 100);
  }
};

// Mail, by its amount.
struct Holding {
  uint64_t octets = 0;
  uint64_t messages = 0;

  friend bool operator==(const Holding&, const Holding&) = default;
};

// What a commit has to keep within. 0: no limit.
struct QuotaLimits {
  uint64_t octets = 0;
  uint64_t messages = 0;
  uint64_t grace_octets = 0;

  bool any() const { return octets > 0 || messages > 0; }
  // Whether what grows from `before` to `after` may. What shrinks always may.
  bool Allow(const Holding& before, const Holding& after) const {
    if (messages > 0 && after.messages > messages && after.messages > before.messages) {
      return false;
    }
    if (octets == 0 || after.octets <= octets || after.octets <= before.octets) return true;
    return before.octets < octets && after.octets - octets <= grace_octets;
  }
};

}  // namespace restante::store
