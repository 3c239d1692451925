// Turns a message as pipes carry it into what follows DATA (RFC 5321, section 4.5.2): a
// bare LF becomes CRLF, as pipe(8) and its like end lines by LF, a CRLF stays, a bare CR
// is an octet like any other, and dots at the beginning of lines are doubled. Knows no I/O
// and holds no part of the message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace restante::deliver {

class MessageEncoder {
 public:
  // Appends what stands for the next octets of the message to *data: at most three octets
  // for each.
  void Encode(std::string_view octets, std::string* data);

  // After the last of them: ends the last line, if need be, and the message.
  void Finish(std::string* data);

 private:
  bool line_start_ = true;
  // The octet before was a CR.
  bool after_cr_ = false;
};

// The line that mbox files and local delivery agents put on top of a message, "From ", the
// envelope sender and a date: how long it is with its end, or 0 if `beginning` doesn't
// begin with a whole one.
size_t FromLineLength(std::string_view beginning);

// The sender that such a line names; empty if it names none.
std::string_view FromLineSender(std::string_view line);

}  // namespace restante::deliver
