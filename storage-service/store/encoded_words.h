// Writes one header field in ASCII: tokens as they are, text as encoded-words (RFC
// 2047), folded on the way. What becomes an encoded-word is its callers' matter.
//
// A line that holds an encoded-word has at most 76 octets (RFC 2047, section 2);
// others are broken where a token has space before it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace restante::store {

// The octets as UTF-8: each that belongs to no character becomes U+FFFD.
std::string ToUtf8(absl::string_view octets);

bool IsAsciiText(absl::string_view octets);

class FieldWriter {
 public:
  // RFC 5322, section 2.1.1: what no line may pass.
  static constexpr size_t kMostLineOctets = 998;

  // Begins with `name` and a colon.
  explicit FieldWriter(absl::string_view name);

  // A token as it is, after white space at which the line may be broken; with
  // none it is glued to what stands before.
  void Raw(absl::string_view space, absl::string_view token);

  // Text (UTF-8, not empty) as one encoded-word or several, `open` and `close`
  // glued to the first and the last of them.
  void Encoded(absl::string_view space, absl::string_view text, absl::string_view open = {},
               absl::string_view close = {});

  // The field with its last CRLF.
  std::string Finish() &&;

  // Some line is longer than kMostLineOctets: a token was.
  bool too_long() const { return longest_ > kMostLineOctets; }

 private:
  void Append(absl::string_view octets);
  void Break(absl::string_view space);

  std::string out_;
  size_t line_ = 0;
  size_t longest_ = 0;
  bool fresh_ = true;  // nothing but the name, or white space, on this line
};

// A word of free text, or of a display name.
struct FieldWord {
  std::string space;  // before it
  std::string raw;    // as it stands there
  std::string text;   // what it means, in UTF-8
  bool encode = false;

  // Whether `raw` can't stand in an ASCII field: it isn't ASCII, has control
  // characters, or is too long for a line.
  static bool NeedsEncoding(absl::string_view raw);
};

// Words that need it as encoded-words, the others as they are. Neighbours are
// encoded together with the space between them, which would be lost otherwise
// (RFC 2047, section 6.2).
void WriteWords(const std::vector<FieldWord>& words, FieldWriter& writer);

// The words of free text (RFC 5322, section 2.2.1).
std::vector<FieldWord> SplitText(absl::string_view text);

}  // namespace restante::store
