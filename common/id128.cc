#include "common/id128.h"

#include <sys/random.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

#include "absl/strings/escaping.h"

namespace restante {

Id128 Id128::Random() {
  Id128 id;
  if (getrandom(id.octets.data(), id.octets.size(), 0) !=
      static_cast<ssize_t>(id.octets.size())) {
    std::abort();
  }
  return id;
}

std::optional<Id128> Id128::FromOctets(absl::string_view octets) {
  Id128 id;
  if (octets.size() != id.octets.size()) return std::nullopt;
  std::memcpy(id.octets.data(), octets.data(), octets.size());
  return id;
}

std::optional<Id128> Id128::FromHex(absl::string_view hex) {
  if (hex.size() != 32 || !std::all_of(hex.begin(), hex.end(),
                                       [](unsigned char c) { return std::isxdigit(c) != 0; })) {
    return std::nullopt;
  }
  return FromOctets(absl::HexStringToBytes(hex));
}

std::string Id128::ToHex() const { return absl::BytesToHexString(AsOctets()); }

}  // namespace restante
