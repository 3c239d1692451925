#include "storage-service/ctl/transfer/import_flags.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace restante::ctl {
namespace {

constexpr std::array<const char*, 5> kKept = {"\\Seen", "\\Answered", "\\Flagged", "\\Deleted",
                                              "\\Draft"};
constexpr size_t kMostKeywords = 64;
constexpr size_t kMostKeywordOctets = 64;

// RFC 9051, section 9: flag-keyword.
bool IsKeyword(absl::string_view flag) {
  return !flag.empty() && flag.size() <= kMostKeywordOctets &&
         std::all_of(flag.begin(), flag.end(), [](unsigned char c) {
           return c > 0x20 && c < 0x7F &&
                  absl::string_view("(){%*\"\\]").find(static_cast<char>(c)) ==
                      absl::string_view::npos;
         });
}

}  // namespace

std::vector<std::string> KeptFlags(const std::vector<std::string>& flags,
                                   std::vector<std::string>* dropped) {
  std::vector<std::string> kept;
  size_t keywords = 0;
  for (const std::string& flag : flags) {
    const bool system = std::any_of(kKept.begin(), kKept.end(), [&](const char* name) {
      return absl::EqualsIgnoreCase(flag, name);
    });
    if (system) {
      kept.push_back(flag);
    } else if (IsKeyword(flag) && keywords < kMostKeywords) {
      kept.push_back(flag);
      ++keywords;
    } else if (!absl::EqualsIgnoreCase(flag, "\\Recent")) {
      dropped->push_back(flag);
    }
  }
  return kept;
}

}  // namespace restante::ctl
