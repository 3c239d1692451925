// How far a listing has come through the slices of the address map, and the page token
// that says so to clients: the slice and the last address, as text.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::store {

struct SlicePlace {
  size_t slice = 0;
  std::string after;  // in that slice; empty: from its beginning

  // The beginning for an empty token. INVALID_REQUEST.
  static absl::StatusOr<SlicePlace> FromToken(absl::string_view token);
  // Empty at the end.
  std::string ToToken() const;

  bool AtEnd() const;
  // Behind a page that ended with `last`; `end`: the slice has no more.
  void GoOn(bool end, absl::string_view last);
};

}  // namespace restante::store
