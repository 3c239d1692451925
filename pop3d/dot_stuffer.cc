#include "pop3d/dot_stuffer.h"

#include "pop3d/faults.h"

namespace restante::pop3 {

void DotStuffer::Append(absl::string_view octets, std::string* out) {
  while (!octets.empty()) {
    if (at_line_start_ && octets.front() == '.') out->push_back('.');
    const size_t line_end = octets.find('\n');
    const size_t length = line_end == octets.npos ? octets.size() : line_end + 1;
    out->append(octets.data(), length);
    octets.remove_prefix(length);
    at_line_start_ = line_end != octets.npos;
  }
}

void DotStuffer::Finish(std::string* out) {
  // A stored message ends in CRLF. If one ever didn't, the dot would be lost
  // inside its last line and the client would wait for ever.
  if (!at_line_start_ || On(Fault::kExtraLineEnd)) out->append("\r\n");
  out->append(".\r\n");
  at_line_start_ = true;
}

}  // namespace restante::pop3
