// The byte-stuffing of RFC 1939, section 3: a line of a message that begins with
// a dot goes out with one more. A state machine over the whole message that
// starts at the start of a line and goes on across the borders of chunks.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace restante::pop3 {

class DotStuffer {
 public:
  // Appends the next octets of the message to *out, stuffed.
  void Append(absl::string_view octets, std::string* out);

  // Follows octets that are sent as they are, because none of the message's lines
  // begins with a dot.
  void Pass(absl::string_view octets) {
    if (!octets.empty()) at_line_start_ = octets.back() == '\n';
  }

  // Appends what ends the response: a line with a dot alone.
  void Finish(std::string* out);

 private:
  bool at_line_start_ = true;
};

}  // namespace restante::pop3
