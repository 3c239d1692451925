#include "storage-service/store/slice_place.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/address_map.h"

namespace restante::store {

absl::StatusOr<SlicePlace> SlicePlace::FromToken(absl::string_view token) {
  SlicePlace place;
  if (token.empty()) return place;
  uint64_t number = 0;
  if (token.size() < 3 || token[2] != ':' ||
      !absl::SimpleHexAtoi(token.substr(0, 2), &number)) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     "page_token isn't one that this service gave");
  }
  place.slice = number;
  place.after = std::string(token.substr(3));
  return place;
}

std::string SlicePlace::ToToken() const {
  if (AtEnd()) return "";
  return absl::StrCat(absl::Hex(slice, absl::kZeroPad2), ":", after);
}

bool SlicePlace::AtEnd() const { return slice >= AddressMap::kSlices; }

void SlicePlace::GoOn(bool end, absl::string_view last) {
  if (end) ++slice;
  after = end ? "" : std::string(last);
}

}  // namespace restante::store
