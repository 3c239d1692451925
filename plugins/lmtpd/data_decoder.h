// Reads what follows DATA: finds the end of the message and takes the stuffed dots
// out (RFC 5321, section 4.5.2). Knows no I/O and holds no part of the message.
//
// Only <CRLF>.<CRLF> ends a message, wherever the octets were cut into segments.
// <LF>.<LF>, <LF>.<CRLF>, <CR>.<CR> and <CRLF>.<LF> don't: servers that disagree on
// this let one message smuggle another. A line begins only after CRLF; a bare CR, a
// bare LF and NUL are octets like any other, passed on as they came.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace restante::lmtp {

class DataDecoder {
 public:
  // Appends the message's octets in `input` to *message, at most input.size() + 1 of
  // them, and returns how many of `input` were used: all, unless the message ends.
  size_t Decode(std::string_view input, std::string* message);

  // The end was read. Decode must not be called again.
  bool ended() const { return state_ == State::kEnded; }

 private:
  enum class State {
    kLineStart,  // after CRLF, and at the beginning
    kText,
    kCr,     // after a CR, which was passed on
    kDot,    // after a line's first dot, which was not
    kDotCr,  // after that dot and a CR, neither of them passed on
    kEnded,
  };

  State state_ = State::kLineStart;
};

}  // namespace restante::lmtp
