#include "tests/store/decode_words.h"

#include <unistr.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace restante::store {
namespace {

// An encoded-word and where it stands.
struct Word {
  size_t begin = std::string::npos;
  size_t end = std::string::npos;
  char encoding = 'Q';
  std::string payload;
};

// The first one at or behind `from`.
Word Find(const std::string& text, size_t from) {
  for (size_t at = text.find("=?", from); at != std::string::npos;
       at = text.find("=?", at + 1)) {
    const std::string start = absl::AsciiStrToUpper(text.substr(at, 10));
    if (start != "=?UTF-8?Q?" && start != "=?UTF-8?B?") continue;
    const size_t end = text.find_first_of("? ", at + 10);
    if (end == std::string::npos || text.compare(end, 2, "?=") != 0) continue;
    return {at, end + 2, start[8], text.substr(at + 10, end - at - 10)};
  }
  return {};
}

std::string Decode(const Word& word) {
  std::string text;
  if (word.encoding == 'B') {
    absl::Base64Unescape(word.payload, &text);
    return text;
  }
  for (size_t i = 0; i < word.payload.size(); ++i) {
    if (word.payload[i] == '_') {
      text.push_back(' ');
    } else if (word.payload[i] == '=') {
      text += absl::HexStringToBytes(word.payload.substr(i + 1, 2));
      i += 2;
    } else {
      text.push_back(word.payload[i]);
    }
  }
  return text;
}

}  // namespace

std::string TextOf(absl::string_view field) {
  const std::string unfolded = absl::StrReplaceAll(field, {{"\r\n", ""}});
  const absl::string_view text = absl::string_view(unfolded).substr(unfolded.find(':') + 1);
  return std::string(absl::StripAsciiWhitespace(text));
}

std::string DecodeWords(absl::string_view text) {
  const std::string from(text);
  std::string to;
  bool after_word = false;
  size_t at = 0;
  for (Word word = Find(from, 0); word.end != std::string::npos; word = Find(from, at)) {
    const std::string between = from.substr(at, word.begin - at);
    // RFC 2047, section 6.2: white space between two of them isn't shown.
    if (!after_word || !absl::StripAsciiWhitespace(between).empty()) to += between;
    to += Decode(word);
    at = word.end;
    after_word = true;
  }
  return to + from.substr(at);
}

std::vector<std::string> EncodedWordsOf(absl::string_view text) {
  const std::string from(text);
  std::vector<std::string> words;
  for (Word word = Find(from, 0); word.end != std::string::npos; word = Find(from, word.end)) {
    words.push_back(from.substr(word.begin, word.end - word.begin));
  }
  return words;
}

size_t LongestLine(absl::string_view lines) {
  size_t longest = 0;
  for (const absl::string_view line : absl::StrSplit(lines, "\r\n")) {
    longest = std::max(longest, line.size());
  }
  return longest;
}

bool IsUtf8(absl::string_view text) {
  return u8_check(reinterpret_cast<const uint8_t*>(text.data()), text.size()) == nullptr;
}

}  // namespace restante::store
