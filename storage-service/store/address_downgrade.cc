#include "storage-service/store/address_downgrade.h"

#include <idn2.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "storage-service/store/encoded_words.h"
#include "storage-service/store/field_tokens.h"

namespace restante::store {
namespace {

using Kind = FieldToken::Kind;
using Tokens = std::vector<FieldToken>;
using Token = Tokens::const_iterator;

struct Range {
  Token begin;
  Token end;
};

bool NeedsIt(const FieldToken& token) { return FieldWord::NeedsEncoding(token.raw); }

bool IsPlain(Range range) { return std::none_of(range.begin, range.end, NeedsIt); }

// Writes tokens that are ASCII, those that touch each other in one piece.
void WriteAsIs(Range range, FieldWriter& writer, bool space_first) {
  std::string piece;
  for (Token token = range.begin; token != range.end; ++token) {
    const bool space = token == range.begin ? space_first : token->space;
    if (space && !piece.empty()) writer.Raw(" ", std::exchange(piece, {}));
    piece += token->raw;
  }
  if (!piece.empty()) writer.Raw(space_first ? " " : "", piece);
}

void WriteComment(const FieldToken& comment, FieldWriter& writer) {
  const std::string text = ToUtf8(comment.Text());
  if (!NeedsIt(comment) || text.empty()) {
    writer.Raw(" ", comment.raw);
  } else {
    writer.Encoded(" ", text, "(", ")");
  }
}

// A display name or a group's: words and quoted strings, dots and all. Comments in
// it are left for later. False: it isn't one.
bool WritePhrase(Range range, FieldWriter& writer) {
  std::vector<FieldWord> words;
  for (Token token = range.begin; token != range.end; ++token) {
    if (token->kind == Kind::kComment) continue;
    if (token->kind != Kind::kWord && token->kind != Kind::kQuoted) return false;
    FieldWord word;
    word.space = " ";
    word.raw = token->raw;
    word.encode = NeedsIt(*token);
    word.text = ToUtf8(token->Text());
    if (word.encode && word.text.empty()) continue;
    words.push_back(std::move(word));
  }
  WriteWords(words, writer);
  return true;
}

std::string Join(Range range) {
  std::string text;
  for (Token token = range.begin; token != range.end; ++token) {
    if (token->space && !text.empty()) text.push_back(' ');
    text += token->raw;
  }
  return text;
}

// local@domain, tokens that touch each other; comments left out. Nothing: it isn't.
std::optional<std::string> AddressIn(Range range) {
  std::string address;
  bool domain = false;
  for (Token token = range.begin; token != range.end; ++token) {
    if (token->kind == Kind::kComment) continue;
    if (token->kind == Kind::kMark && !token->Is('@')) return std::nullopt;
    domain |= token->Is('@');
    address += token->raw;
  }
  if (!domain) return std::nullopt;
  return address;
}

// The same in ASCII, if it has such a form.
std::optional<std::string> AsciiAddress(absl::string_view address) {
  if (!FieldWord::NeedsEncoding(address)) return std::string(address);
  const size_t at = address.rfind('@');
  const absl::string_view local = address.substr(0, at);
  if (FieldWord::NeedsEncoding(local)) return std::nullopt;
  const std::optional<std::string> domain = AsciiDomain(address.substr(at + 1));
  if (!domain) return std::nullopt;
  return absl::StrCat(local, "@", *domain);
}

struct Mailbox {
  Range phrase;
  bool angle = false;
  std::string address;
  std::optional<std::string> ascii;
};

std::optional<Mailbox> ParseMailbox(Range range) {
  Mailbox mailbox{{range.begin, range.begin}, false, {}, {}};
  const auto angle = std::find_if(range.begin, range.end,
                                  [](const FieldToken& token) { return token.Is('<'); });
  Range address = range;
  if (angle != range.end) {
    const auto close =
        std::find_if(angle, range.end, [](const FieldToken& token) { return token.Is('>'); });
    if (close == range.end) return std::nullopt;
    const bool more = std::any_of(close + 1, range.end, [](const FieldToken& token) {
      return token.kind != Kind::kComment;
    });
    if (more) return std::nullopt;
    mailbox.angle = true;
    mailbox.phrase = {range.begin, angle};
    address = {angle + 1, close};
  }
  std::optional<std::string> found = AddressIn(address);
  if (!found) return std::nullopt;
  mailbox.address = *std::move(found);
  mailbox.ascii = AsciiAddress(mailbox.address);
  return mailbox;
}

// `range` is what stands between two commas.
bool WriteMailbox(Range range, FieldWriter& writer) {
  if (IsPlain(range)) {
    WriteAsIs(range, writer, true);
    return true;
  }
  const std::optional<Mailbox> mailbox = ParseMailbox(range);
  if (!mailbox || !WritePhrase(mailbox->phrase, writer)) return false;
  if (!mailbox->ascii) {
    // RFC 6857, section 3.1.8: a group without members, which nobody can reply to.
    writer.Encoded(" ", ToUtf8(mailbox->address));
    writer.Raw(" ", ":;");
  } else {
    writer.Raw(" ", mailbox->angle ? absl::StrCat("<", *mailbox->ascii, ">") : *mailbox->ascii);
  }
  for (Token token = range.begin; token != range.end; ++token) {
    if (token->kind == Kind::kComment) WriteComment(*token, writer);
  }
  return true;
}

// Where a list is cut: at commas outside of angle brackets.
std::vector<Range> Split(Range range) {
  std::vector<Range> parts;
  Token begin = range.begin;
  bool angle = false;
  for (Token token = range.begin; token != range.end; ++token) {
    if (token->Is('<')) angle = true;
    if (token->Is('>')) angle = false;
    if (!token->Is(',') || angle) continue;
    if (begin != token) parts.push_back({begin, token});
    begin = token + 1;
  }
  if (begin != range.end) parts.push_back({begin, range.end});
  return parts;
}

bool WriteList(const std::vector<Range>& mailboxes, FieldWriter& writer) {
  for (size_t i = 0; i < mailboxes.size(); ++i) {
    if (i > 0) writer.Raw("", ",");
    if (!WriteMailbox(mailboxes[i], writer)) return false;
  }
  return true;
}

bool WriteGroup(Range name, Range members, FieldWriter& writer) {
  if (name.begin == name.end || !WritePhrase(name, writer)) return false;
  const std::vector<Range> mailboxes = Split(members);
  const bool writable = std::all_of(mailboxes.begin(), mailboxes.end(), [](Range range) {
    if (IsPlain(range)) return true;
    const std::optional<Mailbox> mailbox = ParseMailbox(range);
    return mailbox && mailbox->ascii;
  });
  if (writable) {
    writer.Raw("", ":");
    if (!WriteList(mailboxes, writer)) return false;
  } else {
    // A group can't hold another, so its members are shown in its name.
    writer.Encoded(" ", ToUtf8(Join(members)));
    writer.Raw(" ", ":");
  }
  writer.Raw("", ";");
  return true;
}

bool WriteAddresses(Range rest, FieldWriter& writer) {
  bool first = true;
  while (rest.begin != rest.end) {
    // The next mailbox, or group: a colon outside of angle brackets makes it one.
    bool angle = false;
    Token end = rest.begin;
    Token colon = rest.end;
    for (; end != rest.end; ++end) {
      if (end->Is('<')) angle = true;
      if (end->Is('>')) angle = false;
      if (angle) continue;
      if (end->Is(':') && colon == rest.end) colon = end;
      if (colon == rest.end ? end->Is(',') : end->Is(';')) break;
    }
    const bool group = colon != rest.end;
    if (group && end == rest.end) return false;  // it has no end
    if (rest.begin != end) {
      if (!std::exchange(first, false)) writer.Raw("", ",");
      const bool written = group ? WriteGroup({rest.begin, colon}, {colon + 1, end}, writer)
                                 : WriteMailbox({rest.begin, end}, writer);
      if (!written) return false;
    }
    rest.begin = end == rest.end ? end : end + 1;
  }
  return true;
}

}  // namespace

std::optional<std::string> DowngradeAddresses(absl::string_view name, absl::string_view text) {
  const std::optional<Tokens> tokens = Tokenize(text);
  if (!tokens) return std::nullopt;
  FieldWriter writer(name);
  if (!WriteAddresses({tokens->begin(), tokens->end()}, writer)) return std::nullopt;
  if (writer.too_long()) return std::nullopt;
  return std::move(writer).Finish();
}

std::optional<std::string> AsciiDomain(absl::string_view domain) {
  if (domain.empty() || domain.find('\0') != absl::string_view::npos) return std::nullopt;
  uint8_t* out = nullptr;
  const int result =
      idn2_lookup_u8(reinterpret_cast<const uint8_t*>(std::string(domain).c_str()), &out,
                     IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<uint8_t, decltype(&std::free)> owner(out, &std::free);
  if (result != IDN2_OK) return std::nullopt;
  std::string ascii(reinterpret_cast<const char*>(out));
  // The mapping makes `(1)` of U+2474: such a domain would break the field.
  const bool letters = std::all_of(ascii.begin(), ascii.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
  });
  if (ascii.empty() || !letters) return std::nullopt;
  return ascii;
}

}  // namespace restante::store
