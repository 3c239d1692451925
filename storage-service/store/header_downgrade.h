// The header of a message's surrogate: what a client is given that can't take UTF-8
// in headers (RFC 6856, section 5), made while the message passes by. The body of a
// surrogate is the message's own; headers of MIME parts inside it are left as they
// are.
//
// Fields that are ASCII stay as they are, to the octet. Of the others,
// field_downgrade.h tells; one of more than kMostFieldOctets has a question mark for
// each octet that isn't ASCII. At most kMostHeaderOctets are kept: fields that
// would pass that, and all behind them, are left out of the surrogate (common MTAs
// refuse or cut headers long before).
//
// Holds one field and the surrogate's header. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace restante::store {

class HeaderDowngrade {
 public:
  static constexpr size_t kMostFieldOctets = 64 * 1024;
  static constexpr size_t kMostHeaderOctets = 256 * 1024;

  // The next octets of the message in normal form (normaliser.h). What comes behind
  // the header is passed over.
  void Feed(absl::string_view data);

  // The message ends here.
  void Finish();

  // Some octet of the header isn't ASCII; after Finish, or behind the header.
  bool needed() const { return needed_; }

  // The surrogate's, with the blank line if the message has one. Empty if none is
  // needed.
  const std::string& header() const { return header_; }

 private:
  void EndField();
  void EndHeader();

  std::string field_;       // under way, unless it is too long
  bool streaming_ = false;  // it is too long: goes out as it comes
  size_t field_begin_ = 0;  // in header_, while streaming
  uint64_t line_octets_ = 0;
  bool ended_ = false;
  bool full_ = false;
  bool needed_ = false;
  std::string header_;
};

}  // namespace restante::store
