#include "storage-service/ctl/transfer/old_uidls.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace restante::ctl {
namespace {

absl::string_view BaseName(absl::string_view name) { return name.substr(0, name.find(':')); }

absl::Status BadLine(size_t number, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", what));
}

// "3 V1700000000 N12 G…", or "1 1700000000 12".
absl::StatusOr<uint32_t> UidvalidityOf(absl::string_view header, int* version,
                                       uint32_t* uid_next) {
  const std::vector<absl::string_view> words = absl::StrSplit(header, ' ');
  uint32_t uidvalidity = 0;
  if (!absl::SimpleAtoi(words[0], version) || (*version != 1 && *version != 3)) {
    return BadLine(1, "the version isn't 1 or 3");
  }
  for (size_t i = 1; i < words.size(); ++i) {
    absl::string_view word = words[i];
    const bool next = *version == 1 ? i == 2 : absl::StartsWith(word, "N");
    if (next) static_cast<void>(absl::SimpleAtoi(absl::StripPrefix(word, "N"), uid_next));
    const bool wanted = *version == 1 ? i == 1 : absl::ConsumePrefix(&word, "V");
    if (wanted && !absl::SimpleAtoi(word, &uidvalidity)) break;
  }
  if (uidvalidity == 0) return BadLine(1, "there is no UIDVALIDITY");
  return uidvalidity;
}

// VERSION 0 of Courier's UIDLs: the file's name, with what can't stand in a UIDL.
std::string CourierName(absl::string_view name) {
  std::string uidl;
  for (const char c : name) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x21 || octet > 0x7E || c == '\'' || c == '"' || c == '+') {
      absl::StrAppendFormat(&uidl, "+%02X", octet);
    } else {
      uidl.push_back(c);
    }
  }
  return uidl;
}

}  // namespace

absl::StatusOr<DovecotUidList> ParseDovecotUidList(absl::string_view text) {
  DovecotUidList list;
  int version = 0;
  text = text.substr(0, text.rfind('\n') + 1);
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripSuffix(line, "\r");
    if (number == 1) {
      absl::StatusOr<uint32_t> uidvalidity = UidvalidityOf(line, &version, &list.uid_next);
      if (!uidvalidity.ok()) return uidvalidity.status();
      list.uidvalidity = *uidvalidity;
      continue;
    }
    if (line.empty()) continue;
    DovecotUidList::Entry entry;
    const size_t space = line.find(' ');
    if (space == absl::string_view::npos ||
        !absl::SimpleAtoi(line.substr(0, space), &entry.uid) || entry.uid == 0) {
      return BadLine(number, "it doesn't begin with a UID");
    }
    absl::string_view name = line.substr(space + 1);
    if (version == 3) {
      // Fields, each with its key in front, until the one that is the name.
      while (!absl::ConsumePrefix(&name, ":")) {
        const size_t end = name.find(' ');
        if (end == absl::string_view::npos) return BadLine(number, "there is no file name");
        const absl::string_view field = name.substr(0, end);
        if (absl::StartsWith(field, "P")) entry.uidl = std::string(field.substr(1));
        if (absl::StartsWith(field, "G")) entry.guid = std::string(field.substr(1));
        name.remove_prefix(end + 1);
      }
    }
    list.entries[std::string(BaseName(name))] = std::move(entry);
  }
  return list;
}

absl::StatusOr<absl::flat_hash_map<std::string, CourierEntry>> ParseCourierList(
    absl::string_view text) {
  absl::flat_hash_map<std::string, CourierEntry> list;
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (++number == 1) {
      int version = 0;
      const absl::string_view first = line.substr(0, line.find(' '));
      if (!absl::StartsWith(first, "/") || !absl::SimpleAtoi(first.substr(1), &version) ||
          version < 1 || version > 3) {
        return BadLine(1, "it isn't the header of a list of version 1, 2 or 3");
      }
      continue;
    }
    // "NAME SIZE UID:UIDVALIDITY:UTF8"; names may have spaces.
    const size_t last = line.rfind(' ');
    if (last == absl::string_view::npos || last == 0) continue;
    const size_t before = line.rfind(' ', last - 1);
    if (before == absl::string_view::npos || before == 0) continue;
    const std::vector<absl::string_view> numbers = absl::StrSplit(line.substr(last + 1), ':');
    const absl::string_view name = BaseName(line.substr(0, before));
    CourierEntry entry;
    uint64_t uidvalidity = 0;
    if (!absl::SimpleAtoi(numbers[0], &entry.uid)) continue;
    if (numbers.size() > 1 && !absl::SimpleAtoi(numbers[1], &uidvalidity)) continue;
    entry.uidl = entry.uid == 0     ? CourierName(name)
                 : uidvalidity == 0 ? absl::StrCat("UID", entry.uid)
                                    : absl::StrCat("UID", entry.uid, "-", uidvalidity);
    list[std::string(name)] = std::move(entry);
  }
  return list;
}

absl::StatusOr<CourierUidDb> ParseCourierUidDb(absl::string_view text) {
  CourierUidDb list;
  text = text.substr(0, text.rfind('\n') + 1);
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (++number == 1) {
      const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
      if (words.size() < 3 || words[0] != "1" ||
          !absl::SimpleAtoi(words[1], &list.uidvalidity) ||
          !absl::SimpleAtoi(words[2], &list.uid_next)) {
        return BadLine(1, "it isn't the header of a list of version 1");
      }
      continue;
    }
    const size_t space = line.find(' ');
    uint32_t uid = 0;
    if (space == absl::string_view::npos || !absl::SimpleAtoi(line.substr(0, space), &uid)) {
      continue;
    }
    list.uids[std::string(BaseName(line.substr(space + 1)))] = uid;
    list.uid_next = std::max(list.uid_next, uid + 1);
  }
  return list;
}

absl::StatusOr<UidlFormat> UidlFormat::Parse(const std::string& format) {
  std::string text = format;
  if (format == "cyrus") text = "%v.%u";
  if (format == "uidonly") text = "%u";
  if (format == "dovecot") text = "%08Xu%08Xv";
  if (format == "courier") text = "%v-%u";
  UidlFormat parsed;
  for (size_t at = 0; at < text.size();) {
    Piece piece;
    if (text[at] != '%' || text.substr(at, 2) == "%%") {
      piece.literal = text[at];
      at += text[at] == '%' ? 2 : 1;
      parsed.pieces_.push_back(std::move(piece));
      continue;
    }
    ++at;
    for (; at < text.size() && absl::StrContains("0123456789XLU", text.substr(at, 1)); ++at) {
      if (absl::ascii_isdigit(static_cast<unsigned char>(text[at]))) {
        if (text[at] == '0' && piece.width == 0) piece.zero = true;
        piece.width =
            std::min<size_t>(piece.width * 10 + static_cast<size_t>(text[at] - '0'), 70);
      } else {
        piece.modifiers.push_back(text[at]);
      }
    }
    if (at < text.size() && text[at] == '{') {
      const size_t end = text.find('}', at);
      const std::string name =
          text.substr(at + 1, end == std::string::npos ? end : end - at - 1);
      for (const auto& [known, letter] : {std::pair("uid", 'u'), std::pair("uidvalidity", 'v'),
                                          std::pair("filename", 'f'), std::pair("guid", 'g')}) {
        if (name == known && end != std::string::npos) piece.variable = letter;
      }
      at = end == std::string::npos ? text.size() : end + 1;
    } else if (at < text.size()) {
      if (absl::StrContains("uvfg", text.substr(at, 1))) piece.variable = text[at];
      ++at;
    }
    if (piece.variable == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("UIDL format '", format,
                       "': of the variables, %u, %v, %f and %g are understood, as in "
                       "%08Xu%08Xv"));
    }
    parsed.pieces_.push_back(std::move(piece));
  }
  if (std::none_of(parsed.pieces_.begin(), parsed.pieces_.end(), [](const Piece& piece) {
        return piece.variable != 0 && piece.variable != 'v';
      })) {
    return absl::InvalidArgumentError(
        absl::StrCat("UIDL format '", format, "': it would be the same for all messages"));
  }
  return parsed;
}

bool UidlFormat::NeedsUidvalidity() const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [](const Piece& piece) { return piece.variable == 'v'; });
}

bool UidlFormat::NeedsFile() const {
  return std::any_of(pieces_.begin(), pieces_.end(), [](const Piece& piece) {
    return piece.variable == 'f' || piece.variable == 'g';
  });
}

std::string UidlFormat::Expand(uint32_t uid, uint32_t uidvalidity, const std::string& file,
                               const std::string& guid) const {
  std::string uidl;
  for (const Piece& piece : pieces_) {
    if (piece.variable == 0) {
      uidl += piece.literal;
      continue;
    }
    const bool number = piece.variable == 'u' || piece.variable == 'v';
    const uint32_t value = piece.variable == 'u' ? uid : uidvalidity;
    std::string text = piece.variable == 'f'   ? file
                       : piece.variable == 'g' ? guid
                                               : absl::StrCat(value);
    for (const char modifier : piece.modifiers) {
      if (modifier == 'X' && number) text = absl::StrFormat("%x", value);
      if (modifier == 'L') text = absl::AsciiStrToLower(text);
      if (modifier == 'U') text = absl::AsciiStrToUpper(text);
    }
    if (piece.width > 0 && piece.zero && text.size() < piece.width) {
      text.insert(0, piece.width - text.size(), '0');
    } else if (piece.width > 0 && !piece.zero) {
      text = text.substr(0, piece.width);
    }
    uidl += text;
  }
  return uidl;
}

}  // namespace restante::ctl
