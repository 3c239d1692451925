// Where the answer to TOP ends: after the header, the blank line and a number of
// lines of the body (RFC 1939, section 7). Finds out while the message streams by.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace restante::store {

class TopCutter {
 public:
  // `header_octets`: with the blank line.
  TopCutter(uint64_t header_octets, uint64_t body_lines)
      : header_left_(header_octets), lines_left_(body_lines) {}

  // How many of the next octets of the message belong to the answer.
  size_t Take(absl::string_view next);

  // Nothing more belongs to it.
  bool done() const { return header_left_ == 0 && lines_left_ == 0; }

 private:
  uint64_t header_left_;
  uint64_t lines_left_;
};

}  // namespace restante::store
