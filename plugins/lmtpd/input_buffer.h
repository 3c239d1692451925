// The octets that a client has sent and nobody has used yet: gives them out as command
// lines or as they are. Knows no I/O; its size is its bound.
//
// Command lines end in CRLF or, as most servers accept, in a bare LF. Views stay valid
// until the next call of Space().
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace restante::lmtp {

class InputBuffer {
 public:
  // Room for some 300 pipelined commands, or half of a part that storage gets.
  static constexpr size_t kOctets = 32 * 1024;

  enum class Line {
    kNone,     // no whole line is there yet
    kReady,    // *line is the next line, without its line end
    kTooLong,  // the next line has over kMaxCommandOctets
  };

  // Looks at the next line; ConsumeLine() takes it. Of a line that is too long no more
  // than its end is kept, so that any length is skipped in bounded memory.
  Line PeekLine(std::string_view* line);
  void ConsumeLine();

  // Everything that is there.
  std::string_view content() const { return {octets_.get() + begin_, end_ - begin_}; }
  void Consume(size_t octets) { begin_ += octets; }

  // Where the next octets go: at least kMaxCommandOctets, unless more than that is
  // waiting to be used.
  struct Room {
    char* data;
    size_t size;
  };
  Room Space();
  void Commit(size_t octets) { end_ += octets; }

 private:
  std::unique_ptr<char[]> octets_{new char[kOctets]};
  size_t begin_ = 0;
  size_t end_ = 0;
  // From begin_: so many octets are known to hold no line end.
  size_t scanned_ = 0;
  // The line's end, from begin_, after PeekLine found one.
  size_t line_size_ = 0;
  // The beginning of the line was dropped: it is too long.
  bool skipping_ = false;
};

}  // namespace restante::lmtp
