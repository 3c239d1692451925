// Brings a message to the form in which it is stored, while it passes by: a bare
// LF becomes CRLF and a missing last CRLF is added; bare CR and NUL stay, and an
// empty message stays empty. Measures on the way what a row tells of a message.
//
// Not thread-safe; holds no octet of the message.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace restante::store {

class Normaliser {
 public:
  // Appends the normal form of the next octets to `out`: at most twice as many.
  void Feed(absl::string_view data, std::string& out);

  // The message ends here.
  void Finish(std::string& out);

  // Of what was appended so far.
  uint64_t octets() const { return octets_; }
  // With the blank line; the whole message if it has none.
  uint64_t header_octets() const { return header_ended_ ? header_octets_ : octets_; }
  // Some line begins with a dot.
  bool has_dot_line() const { return has_dot_line_; }

 private:
  void EndLine();

  uint64_t octets_ = 0;
  uint64_t header_octets_ = 0;
  bool header_ended_ = false;
  bool has_dot_line_ = false;
  uint64_t line_octets_ = 0;  // of the line under way, CR included
  bool after_cr_ = false;     // the last octet is a CR
};

}  // namespace restante::store
