#include "storage-service/store/field_tokens.h"

#include <utility>

namespace restante::store {
namespace {

constexpr absl::string_view kMarks = "<>@,;:";

bool EndsWord(char c) {
  return c == ' ' || c == '\t' || c == '"' || c == '(' || c == ')' || c == '[' || c == ']' ||
         kMarks.find(c) != absl::string_view::npos;
}

// The length of what begins with `open` and ends with `close`, both included; 0: it
// has no end. Comments nest, and nothing else does.
size_t EnclosedOctets(absl::string_view text, char open, char close) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == open && (i == 0 || open == '(')) {
      ++depth;
    } else if (text[i] == close && --depth == 0) {
      return i + 1;
    }
  }
  return 0;
}

}  // namespace

std::string FieldToken::Text() const {
  if (kind != Kind::kQuoted && kind != Kind::kComment) return raw;
  std::string text;
  for (size_t i = 1; i + 1 < raw.size(); ++i) {
    if (raw[i] == '\\' && i + 2 < raw.size()) ++i;
    text.push_back(raw[i]);
  }
  return text;
}

std::optional<std::vector<FieldToken>> Tokenize(absl::string_view text) {
  std::vector<FieldToken> tokens;
  bool space = false;
  while (!text.empty()) {
    const char first = text.front();
    if (first == ' ' || first == '\t') {
      space = true;
      text.remove_prefix(1);
      continue;
    }
    FieldToken token;
    token.space = std::exchange(space, false);
    size_t octets = 1;
    if (first == '"') {
      token.kind = FieldToken::Kind::kQuoted;
      octets = EnclosedOctets(text, '"', '"');
    } else if (first == '(') {
      token.kind = FieldToken::Kind::kComment;
      octets = EnclosedOctets(text, '(', ')');
    } else if (first == '[') {
      token.kind = FieldToken::Kind::kLiteral;
      octets = EnclosedOctets(text, '[', ']');
    } else if (first == ')' || first == ']') {
      return std::nullopt;
    } else if (kMarks.find(first) != absl::string_view::npos) {
      token.kind = FieldToken::Kind::kMark;
    } else {
      while (octets < text.size() && !EndsWord(text[octets])) ++octets;
    }
    if (octets == 0) return std::nullopt;
    token.raw = std::string(text.substr(0, octets));
    text.remove_prefix(octets);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace restante::store
