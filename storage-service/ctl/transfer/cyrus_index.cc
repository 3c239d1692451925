#include "storage-service/ctl/transfer/cyrus_index.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace restante::ctl {
namespace {

// Offsets in the header and in a record; all numbers have 32 bits, the first one first.
constexpr size_t kVersion = 8;
constexpr size_t kHeaderSize = 12;
constexpr size_t kRecordSize = 16;
constexpr size_t kRecords = 20;
constexpr size_t kUid = 0;
constexpr size_t kFlags = 32;

constexpr uint32_t kNewestVersion = 19;
constexpr uint32_t kExpunged = uint32_t{1} << 31;

uint32_t NumberAt(absl::string_view octets, size_t at) {
  uint32_t number = 0;
  for (const char octet : octets.substr(at, 4)) {
    number = number << 8 | static_cast<uint8_t>(octet);
  }
  return number;
}

}  // namespace

absl::StatusOr<absl::flat_hash_set<uint32_t>> ExpungedInCyrusIndex(absl::string_view octets) {
  if (octets.size() < kRecords + 4) return absl::InvalidArgumentError("is no index of Cyrus'");
  const uint32_t version = NumberAt(octets, kVersion);
  if (version > kNewestVersion) {
    return absl::UnimplementedError(absl::StrCat("is of version ", version));
  }
  const size_t header = NumberAt(octets, kHeaderSize);
  const size_t size = NumberAt(octets, kRecordSize);
  const size_t records = NumberAt(octets, kRecords);
  if (header < kRecords + 4 || size < kFlags + 4) {
    return absl::InvalidArgumentError("is no index of Cyrus'");
  }
  if (octets.size() < header || (octets.size() - header) / size < records) {
    return absl::InvalidArgumentError("is cut off");
  }
  absl::flat_hash_set<uint32_t> expunged;
  for (size_t i = 0; i < records; ++i) {
    const absl::string_view record = octets.substr(header + i * size, size);
    if ((NumberAt(record, kFlags) & kExpunged) != 0) expunged.insert(NumberAt(record, kUid));
  }
  return expunged;
}

}  // namespace restante::ctl
