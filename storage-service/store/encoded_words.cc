#include "storage-service/store/encoded_words.h"

#include <unistr.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace restante::store {
namespace {

// Two octets are left for a comma or a semicolon and the like, glued on later.
constexpr size_t kLineOctets = 74;
constexpr absl::string_view kBegin = "=?UTF-8?";
constexpr absl::string_view kEnd = "?=";
// A word that is longer is encoded: encoded-words can be broken anywhere.
constexpr size_t kMostWordOctets = 800;
// White space that is longer is cut down to one space.
constexpr size_t kMostSpaceOctets = 40;

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

// Stands for itself in the Q encoding, also inside a phrase (RFC 2047, section 5).
bool IsQPlain(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '!' || c == '*' ||
         c == '+' || c == '-' || c == '/';
}

size_t QOctets(absl::string_view text) {
  size_t octets = 0;
  for (const char c : text) octets += IsQPlain(c) || c == ' ' ? 1 : 3;
  return octets;
}

size_t BOctets(size_t octets) { return (octets + 2) / 3 * 4; }

std::string QEncode(absl::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (c == ' ') {
      out.push_back('_');
    } else if (IsQPlain(c)) {
      out.push_back(c);
    } else {
      const auto octet = static_cast<unsigned char>(c);
      out.push_back('=');
      out.push_back(kDigits[octet >> 4]);
      out.push_back(kDigits[octet & 15]);
    }
  }
  return out;
}

// The length of the first character of UTF-8.
size_t CharacterOctets(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t octets = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return std::min(octets, text.size());
}

// How much of the text goes into `room` octets, in whole characters.
size_t Fitting(absl::string_view text, size_t room, bool q) {
  size_t taken = 0;
  size_t q_octets = 0;
  while (taken < text.size()) {
    const size_t next = CharacterOctets(text.substr(taken));
    q_octets += QOctets(text.substr(taken, next));
    if ((q ? q_octets : BOctets(taken + next)) > room) break;
    taken += next;
  }
  return taken;
}

bool LooksEncoded(absl::string_view word) {
  return absl::StartsWith(word, "=?") && absl::EndsWith(word, kEnd);
}

}  // namespace

std::string ToUtf8(absl::string_view octets) {
  if (IsAsciiText(octets)) return std::string(octets);
  std::string out;
  const auto* data = reinterpret_cast<const uint8_t*>(octets.data());
  for (size_t at = 0; at < octets.size();) {
    ucs4_t c = 0;
    const int length = u8_mbtoucr(&c, data + at, octets.size() - at);
    if (length <= 0) {
      out.append("\xEF\xBF\xBD");
      ++at;
    } else {
      out.append(octets.data() + at, static_cast<size_t>(length));
      at += static_cast<size_t>(length);
    }
  }
  return out;
}

bool IsAsciiText(absl::string_view octets) {
  return std::all_of(octets.begin(), octets.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

FieldWriter::FieldWriter(absl::string_view name) { Append(absl::StrCat(name, ":")); }

void FieldWriter::Append(absl::string_view octets) {
  out_.append(octets.data(), octets.size());
  line_ += octets.size();
  longest_ = std::max(longest_, line_);
}

void FieldWriter::Break(absl::string_view space) {
  out_.append("\r\n");
  line_ = 0;
  fresh_ = true;
  Append(space.empty() ? " " : space);
}

void FieldWriter::Raw(absl::string_view space, absl::string_view token) {
  if (!space.empty() && !fresh_ && line_ + space.size() + token.size() > kLineOctets) {
    Break(space);
  } else {
    Append(space);
  }
  Append(token);
  fresh_ = false;
}

void FieldWriter::Encoded(absl::string_view space, absl::string_view text,
                          absl::string_view open, absl::string_view close) {
  // Q can be read as it is where most of the text is ASCII (RFC 2047, section 4).
  const bool q = QOctets(text) <= 2 * text.size();
  const size_t frame = kBegin.size() + 2 + kEnd.size() + close.size();
  while (!text.empty()) {
    const size_t used = line_ + space.size() + open.size() + frame;
    const size_t taken = used < kLineOctets ? Fitting(text, kLineOctets - used, q) : 0;
    if (taken == 0) {
      // Four octets of UTF-8 have room on any line of their own.
      Break(space);
      space = {};
      continue;
    }
    const absl::string_view piece = text.substr(0, taken);
    text.remove_prefix(taken);
    Append(space);
    Append(absl::StrCat(open, kBegin, q ? "Q?" : "B?",
                        q ? QEncode(piece) : absl::Base64Escape(piece), kEnd));
    fresh_ = false;
    space = " ";
    open = {};
  }
  Append(close);
}

std::string FieldWriter::Finish() && {
  out_.append("\r\n");
  return std::move(out_);
}

bool FieldWord::NeedsEncoding(absl::string_view raw) {
  return raw.size() > kMostWordOctets || std::any_of(raw.begin(), raw.end(), [](char c) {
           const auto octet = static_cast<unsigned char>(c);
           return octet < 0x20 || octet >= 0x7F;
         });
}

void WriteWords(const std::vector<FieldWord>& words, FieldWriter& writer) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (!words[i].encode) {
      writer.Raw(words[i].space, words[i].raw);
      continue;
    }
    // Decoders drop the space between two encoded-words, ours and others'.
    std::string text;
    std::string space = words[i].space;
    if (i > 0 && LooksEncoded(words[i - 1].raw)) text = std::exchange(space, " ");
    text.append(words[i].text);
    while (i + 1 < words.size() && words[i + 1].encode) {
      ++i;
      absl::StrAppend(&text, words[i].space, words[i].text);
    }
    if (i + 1 < words.size() && LooksEncoded(words[i + 1].raw)) text += words[i + 1].space;
    writer.Encoded(space, text);
  }
}

std::vector<FieldWord> SplitText(absl::string_view text) {
  std::vector<FieldWord> words;
  while (true) {
    const auto word = std::find_if_not(text.begin(), text.end(), IsSpace);
    const auto end = std::find_if(word, text.end(), IsSpace);
    if (word == end) return words;  // space at the end is dropped
    FieldWord next;
    next.space.assign(text.begin(), word);
    if (words.empty() || next.space.size() > kMostSpaceOctets) next.space = " ";
    next.raw.assign(word, end);
    next.encode = FieldWord::NeedsEncoding(next.raw);
    next.text = ToUtf8(next.raw);
    words.push_back(std::move(next));
    text.remove_prefix(static_cast<size_t>(end - text.begin()));
  }
}

}  // namespace restante::store
