// The words, comments and marks of a structured header field (RFC 5322, section
// 3.2), with UTF-8 in them (RFC 6532).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace restante::store {

struct FieldToken {
  enum class Kind {
    kWord,     // an atom, dots and all
    kQuoted,   // "…"
    kComment,  // (…)
    kLiteral,  // […]
    kMark,     // one of < > @ , ; :
  };
  Kind kind = Kind::kWord;
  std::string raw;
  bool space = false;  // white space stands before it

  bool Is(char mark) const { return kind == Kind::kMark && raw[0] == mark; }
  // What a quoted string or a comment says; otherwise `raw`.
  std::string Text() const;
};

// Of a field's text, unfolded. Nothing: a quote, comment or literal has no end, or a
// bracket no beginning.
std::optional<std::vector<FieldToken>> Tokenize(absl::string_view text);

}  // namespace restante::store
