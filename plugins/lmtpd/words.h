// Small tools for the words of command lines. Letters are ASCII's; other octets are
// themselves.
#pragma once

#include <string_view>

#include "absl/strings/match.h"

namespace restante::lmtp {

inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase({a.data(), a.size()}, {b.data(), b.size()});
}

inline std::string_view TrimLeft(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

inline std::string_view Trim(std::string_view text) {
  text = TrimLeft(text);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The text up to the next space; takes it and the spaces behind off *text.
inline std::string_view TakeWord(std::string_view* text) {
  const std::string_view word = text->substr(0, text->find(' '));
  *text = TrimLeft(text->substr(word.size()));
  return word;
}

}  // namespace restante::lmtp
