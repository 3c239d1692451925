// Lines out of received octets. Knows no socket: octets come in segments of any
// size, lines leave one at a time. Bounded: a line that is too long is reported
// once and the rest of it skipped as it arrives, without being kept; of a long line
// within its limit the beginning is kept.
//
// Lines end in CRLF (RFC 1939, section 3); a bare LF is taken as well, as other
// servers do. Limits count the whole line with its end. One thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace restante::pop3 {

// RFC 2449, section 4: a command line has at most 255 octets.
inline constexpr size_t kCommandLineOctets = 255;
// RFC 5034, section 4, leaves the length of a SASL response open; tokens of some
// mechanisms have tens of kilobytes.
inline constexpr size_t kSaslResponseOctets = 64 * 1024;
// What is kept of a line with a SASL response. No mechanism of ours can do with more:
// names of 255 octets and a password of 1,024 are 2 KiB.
inline constexpr size_t kKeptOctets = 16 * 1024;

// In octets; those of a line with its end.
struct LineLimits {
  size_t command = kCommandLineOctets;
  // Of the response alone.
  size_t sasl_response = kSaslResponseOctets;
};

enum class LineLimit {
  // A command, its end included.
  kCommand,
  // The same, but a line that begins with AUTH may carry an initial response.
  kCommandOrAuth,
  // The continuation of AUTH.
  kSaslResponse,
};

struct Line {
  enum class Kind { kNone, kLine, kTooLong };
  Kind kind = Kind::kNone;
  // Without its end; the first kKeptOctets of a longer line. Valid until the next call of
  // a method that isn't const.
  absl::string_view text;
  // With its end, whether or not all was kept.
  size_t octets = 0;

  bool cut() const { return octets > kKeptOctets; }
};

class LineBuffer {
 public:
  explicit LineBuffer(LineLimits limits = {}) : limits_(limits) {}

  // Where the next octets go; never empty.
  absl::Span<char> Space();
  // `octets` were written to the front of the last Space().
  void Received(size_t octets);

  // The next line, if a whole one has arrived.
  Line Next(LineLimit limit);

  // Looks at the lines that Next() would give, without taking them: begin with
  // *cursor = 0. Nothing if no further whole line is there.
  std::optional<absl::string_view> Peek(size_t* cursor) const;

  // Octets that no Next() has taken, part of a line among them.
  bool HasOctets() const { return begin_ != end_; }
  // The next line, or the rest of one being skipped, has begun but not ended.
  bool InsideLine() const { return skipping_ || HasOctets(); }

  // Gives memory back. Only between lines; does nothing otherwise.
  void Release();
  size_t CapacityForTest() const { return storage_.capacity(); }

 private:
  size_t LimitFor(LineLimit limit) const;
  // To `octets` at least, or to the longest line.
  void Grow(size_t octets);

  const LineLimits limits_;
  std::string storage_;
  size_t begin_ = 0;
  size_t end_ = 0;
  // Octets from begin_ on in which no LF was found.
  size_t scanned_ = 0;
  // Of the line at begin_, behind its first kKeptOctets, which are there.
  size_t dropped_ = 0;
  bool skipping_ = false;
  bool last_read_filled_ = false;
};

}  // namespace restante::pop3
