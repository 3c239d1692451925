// The storage behind a page of a scan.
#include <algorithm>
#include <cstring>

#include "storage-service/engine/engine.h"

namespace restante::engine {
namespace {

// The first piece holds a few rows, and later ones more and more.
constexpr size_t kFirstPieceOctets = 512;
// Well below what makes glibc's free() look through all that was freed before.
constexpr size_t kLargestPieceOctets = 32 * 1024;

}  // namespace

void ScanPage::Add(absl::string_view key, absl::string_view value) {
  const absl::string_view kept_key = Keep(key);
  entries.emplace_back(kept_key, Keep(value));
}

absl::string_view ScanPage::Keep(absl::string_view octets) {
  if (octets.empty()) return {};
  if (octets.size() > room_octets_) {
    const size_t usual = kFirstPieceOctets << std::min<size_t>(pieces_.size(), 16);
    room_octets_ = std::max(octets.size(), std::min(usual, kLargestPieceOctets));
    room_ = pieces_.emplace_back(new char[room_octets_]).get();
  }
  std::memcpy(room_, octets.data(), octets.size());
  const absl::string_view kept(room_, octets.size());
  room_ += octets.size();
  room_octets_ -= octets.size();
  return kept;
}

}  // namespace restante::engine
