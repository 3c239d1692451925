// The lists in which other servers keep what their UIDLs are made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::ctl {

// `dovecot-uidlist`, versions 1 and 3.
struct DovecotUidList {
  struct Entry {
    uint32_t uid = 0;
    std::string uidl;  // its own (P); empty: made of the format
    std::string guid;  // its own (G); empty: the file's name
  };
  uint32_t uidvalidity = 0;
  uint32_t uid_next = 0;  // 0: the list doesn't say
  // By the file's name up to the first colon.
  absl::flat_hash_map<std::string, Entry> entries;
};
// Errors name the line. A last line that isn't ended yet is being written, and passed over.
absl::StatusOr<DovecotUidList> ParseDovecotUidList(absl::string_view text);

// `courierpop3dsizelist`, versions 1 to 3: UIDLs by the file's name up to the first
// colon. Lines that Courier itself would pass over are passed over.
struct CourierEntry {
  uint64_t uid = 0;
  std::string uidl;
};
absl::StatusOr<absl::flat_hash_map<std::string, CourierEntry>> ParseCourierList(
    absl::string_view text);

// `courierimapuiddb`, version 1: UIDs by the file's name up to the first colon.
struct CourierUidDb {
  uint32_t uidvalidity = 0;
  uint32_t uid_next = 0;
  absl::flat_hash_map<std::string, uint32_t> uids;
};
absl::StatusOr<CourierUidDb> ParseCourierUidDb(absl::string_view text);

// pop3_uidl_format of Dovecot: %u UID, %v UIDVALIDITY, %f the file's name, %g the GUID,
// and their long forms; each may have 0, a width, and modifiers X (hexadecimal), L, U
// (lower and upper case), as in "%08Xu%08Xv".
class UidlFormat {
 public:
  // Also the names that imapd.conf of Cyrus has: cyrus, uidonly, dovecot, courier.
  // INVALID_ARGUMENT: what isn't understood, or can't be known from files (%m).
  static absl::StatusOr<UidlFormat> Parse(const std::string& format);

  bool NeedsUidvalidity() const;
  bool NeedsFile() const;  // its name, or the GUID
  std::string Expand(uint32_t uid, uint32_t uidvalidity, const std::string& file,
                     const std::string& guid) const;

 private:
  struct Piece {
    char variable = 0;  // 0: literal
    std::string literal;
    bool zero = false;
    size_t width = 0;
    std::string modifiers;
  };
  std::vector<Piece> pieces_;
};

}  // namespace restante::ctl
