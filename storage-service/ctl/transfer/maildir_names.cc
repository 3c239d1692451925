#include "storage-service/ctl/transfer/maildir_names.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace restante::ctl {
namespace {

constexpr std::array<std::pair<char, const char*>, 6> kLetters = {{{'D', "\\Draft"},
                                                                   {'F', "\\Flagged"},
                                                                   {'P', "$Forwarded"},
                                                                   {'R', "\\Answered"},
                                                                   {'S', "\\Seen"},
                                                                   {'T', "\\Deleted"}}};

char LetterOf(absl::string_view flag) {
  for (const auto& [letter, name] : kLetters) {
    if (absl::EqualsIgnoreCase(flag, name)) return letter;
  }
  return 0;
}

char KeywordLetter(absl::string_view keyword, MaildirKeywords* keywords) {
  for (const auto& [letter, name] : *keywords) {
    if (absl::EqualsIgnoreCase(keyword, name)) return letter;
  }
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    if (keywords->emplace(letter, keyword).second) return letter;
  }
  return 0;
}

}  // namespace

std::string MaildirBase(absl::string_view name) {
  return std::string(name.substr(0, name.find(':')));
}

std::optional<absl::Time> MaildirTime(absl::string_view base) {
  int64_t seconds = 0;
  const size_t dot = base.find('.');
  if (dot == absl::string_view::npos || !absl::SimpleAtoi(base.substr(0, dot), &seconds) ||
      seconds <= 0) {
    return std::nullopt;
  }
  return absl::FromUnixSeconds(seconds);
}

MaildirKeywords ParseMaildirKeywords(absl::string_view text) {
  MaildirKeywords keywords;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t space = line.find(' ');
    int index = 0;
    if (space == absl::string_view::npos || !absl::SimpleAtoi(line.substr(0, space), &index) ||
        index < 0 || index > 25) {
      continue;
    }
    keywords[static_cast<char>('a' + index)] = std::string(line.substr(space + 1));
  }
  return keywords;
}

std::string FormatMaildirKeywords(const MaildirKeywords& keywords) {
  std::string text;
  for (const auto& [letter, name] : keywords) {
    absl::StrAppend(&text, letter - 'a', " ", name, "\n");
  }
  return text;
}

std::vector<std::string> MaildirFlags(absl::string_view name, const MaildirKeywords& keywords) {
  std::vector<std::string> flags;
  const size_t info = name.find(":2,");
  if (info == absl::string_view::npos) return flags;
  for (const char letter : name.substr(info + 3)) {
    if (letter == ',') break;
    for (const auto& [known, flag] : kLetters) {
      if (letter == known) flags.emplace_back(flag);
    }
    const auto keyword = keywords.find(letter);
    if (keyword != keywords.end()) flags.push_back(keyword->second);
  }
  return flags;
}

std::string MaildirLetters(const std::vector<std::string>& flags, MaildirKeywords* keywords,
                           std::vector<std::string>* left_out) {
  std::string letters;
  for (const std::string& flag : flags) {
    char letter = LetterOf(flag);
    if (letter == 0 && !absl::StartsWith(flag, "\\")) letter = KeywordLetter(flag, keywords);
    if (letter != 0) {
      letters.push_back(letter);
    } else {
      left_out->push_back(flag);
    }
  }
  std::sort(letters.begin(), letters.end());
  letters.erase(std::unique(letters.begin(), letters.end()), letters.end());
  return letters;
}

}  // namespace restante::ctl
