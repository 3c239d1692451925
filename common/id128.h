// A 128-bit identity: of an account, a mailbox, a message, a body. Random, so
// that no two services ever have to agree on the next one.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace restante {

struct Id128 {
  std::array<uint8_t, 16> octets{};

  // From the kernel's random source. Aborts if there is none.
  static Id128 Random();

  // Of 16 octets, or of 32 hexadecimal digits; otherwise nothing.
  static std::optional<Id128> FromOctets(absl::string_view octets);
  static std::optional<Id128> FromHex(absl::string_view hex);

  absl::string_view AsOctets() const {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
  }
  std::string ToHex() const;
  bool IsZero() const { return *this == Id128{}; }

  friend bool operator==(const Id128&, const Id128&) = default;
  friend auto operator<=>(const Id128&, const Id128&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Id128& id) {
    return H::combine(std::move(h), id.octets);
  }
};

}  // namespace restante
