#include "storage-service/ctl/transfer/mbox_format.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace restante::ctl {
namespace {

constexpr absl::string_view kFrom = "From ";
constexpr std::array<absl::string_view, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<absl::string_view, 7> kMboxFields = {
    "status", "x-status", "x-keywords", "x-uid", "x-imap", "x-imapbase", "content-length"};

int MonthOf(absl::string_view word) {
  for (size_t i = 0; i < kMonths.size(); ++i) {
    if (absl::EqualsIgnoreCase(word, kMonths[i])) return static_cast<int>(i) + 1;
  }
  return 0;
}

// "12:34" or "12:34:56".
bool ReadClock(absl::string_view word, int* hour, int* minute, int* second) {
  const std::vector<absl::string_view> parts = absl::StrSplit(word, ':');
  *second = 0;
  return (parts.size() == 2 || parts.size() == 3) && absl::SimpleAtoi(parts[0], hour) &&
         absl::SimpleAtoi(parts[1], minute) &&
         (parts.size() == 2 || absl::SimpleAtoi(parts[2], second)) && *hour >= 0 &&
         *hour < 24 && *minute >= 0 && *minute < 60 && *second >= 0 && *second < 61;
}

// "+0130", "GMT".
std::optional<absl::TimeZone> ReadZone(absl::string_view word) {
  if (word == "GMT" || word == "UTC" || word == "Z") return absl::UTCTimeZone();
  int zone = 0;
  if (word.size() != 5 || (word[0] != '+' && word[0] != '-') ||
      !absl::SimpleAtoi(word.substr(1), &zone)) {
    return std::nullopt;
  }
  const int seconds = (zone / 100 * 60 + zone % 100) * 60;
  return absl::FixedTimeZone(word[0] == '-' ? -seconds : seconds);
}

absl::string_view NameOf(absl::string_view field) {
  return absl::StripTrailingAsciiWhitespace(field.substr(0, field.find(':')));
}

bool IsNamed(absl::string_view field, absl::string_view name) {
  return absl::EqualsIgnoreCase(NameOf(field), name);
}

bool Has(absl::string_view value, char letter) {
  return value.find(letter) != absl::string_view::npos;
}

}  // namespace

std::optional<absl::Time> ParseFromLine(absl::string_view line, absl::TimeZone local) {
  if (!absl::StartsWith(line, kFrom)) return std::nullopt;
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::StripAsciiWhitespace(line.substr(kFrom.size())),
                     absl::ByAnyChar(" \t"), absl::SkipEmpty());
  // "… Jan 2 12:34:56 …": the sender may have spaces, so what follows is looked for.
  for (size_t i = 2; i < words.size(); ++i) {
    int hour = 0;
    int minute = 0;
    int second = 0;
    int day = 0;
    const int month = MonthOf(words[i - 2]);
    if (month == 0 || !absl::SimpleAtoi(words[i - 1], &day) || day < 1 || day > 31 ||
        !ReadClock(words[i], &hour, &minute, &second)) {
      continue;
    }
    absl::TimeZone zone = local;
    int year = 0;
    for (size_t rest = i + 1; rest < words.size(); ++rest) {
      if (const std::optional<absl::TimeZone> named = ReadZone(words[rest])) {
        zone = *named;
      } else if (year == 0 && words[rest].size() == 4) {
        static_cast<void>(absl::SimpleAtoi(words[rest], &year));
      }
    }
    if (year == 0) continue;
    return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second), zone);
  }
  return std::nullopt;
}

std::string FormatFromLine(absl::string_view sender, absl::Time received) {
  const bool legal = !sender.empty() && std::all_of(sender.begin(), sender.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7F;
  });
  return absl::StrCat(kFrom, legal ? sender : "MAILER-DAEMON", " ",
                      absl::FormatTime("%a %b %e %H:%M:%S %Y", received, absl::UTCTimeZone()),
                      "\n");
}

size_t QuotingOf(absl::string_view line, MboxQuoting quoting) {
  if (quoting == MboxQuoting::kNone || line.empty() || line[0] != '>') return 0;
  if (quoting == MboxQuoting::kMboxo) return absl::StartsWith(line.substr(1), kFrom) ? 1 : 0;
  return NeedsQuoting(line) ? 1 : 0;
}

bool NeedsQuoting(absl::string_view line) {
  const size_t from = line.find_first_not_of('>');
  return from != absl::string_view::npos && absl::StartsWith(line.substr(from), kFrom);
}

bool IsMboxField(absl::string_view field) {
  return std::any_of(kMboxFields.begin(), kMboxFields.end(),
                     [field](absl::string_view name) { return IsNamed(field, name); });
}

void ReadMboxField(absl::string_view field, MboxStatus* status) {
  const size_t colon = field.find(':');
  if (colon == absl::string_view::npos) return;
  const absl::string_view value = absl::StripAsciiWhitespace(field.substr(colon + 1));
  const std::vector<absl::string_view> words =
      absl::StrSplit(value, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  const auto add = [status](absl::string_view flag) { status->flags.emplace_back(flag); };
  if (IsNamed(field, "status")) {
    if (Has(value, 'R')) add("\\Seen");
  } else if (IsNamed(field, "x-status")) {
    if (Has(value, 'A')) add("\\Answered");
    if (Has(value, 'F')) add("\\Flagged");
    if (Has(value, 'T')) add("\\Draft");
    if (Has(value, 'D')) add("\\Deleted");
  } else if (IsNamed(field, "x-keywords")) {
    for (const absl::string_view word : words) add(word);
  } else if (IsNamed(field, "x-uid")) {
    if (!words.empty()) static_cast<void>(absl::SimpleAtoi(words[0], &status->uid));
  } else if ((IsNamed(field, "x-imapbase") || IsNamed(field, "x-imap")) && words.size() >= 2) {
    // What follows are the keywords that there are, which X-Keywords repeats.
    static_cast<void>(absl::SimpleAtoi(words[0], &status->uidvalidity));
    static_cast<void>(absl::SimpleAtoi(words[1], &status->last_uid));
  }
}

std::string FormatMboxFields(const std::vector<std::string>& flags, uint32_t uid) {
  std::string status = "O";
  std::string letters;
  std::string keywords;
  for (const std::string& flag : flags) {
    if (flag == "\\Seen") {
      status = "RO";
    } else if (flag == "\\Answered") {
      letters += 'A';
    } else if (flag == "\\Flagged") {
      letters += 'F';
    } else if (flag == "\\Draft") {
      letters += 'T';
    } else if (flag == "\\Deleted") {
      letters += 'D';
    } else {
      absl::StrAppend(&keywords, keywords.empty() ? "" : " ", flag);
    }
  }
  std::string fields = absl::StrCat("Status: ", status, "\n");
  if (!letters.empty()) absl::StrAppend(&fields, "X-Status: ", letters, "\n");
  if (!keywords.empty()) absl::StrAppend(&fields, "X-Keywords: ", keywords, "\n");
  absl::StrAppend(&fields, "X-UID: ", uid, "\n");
  return fields;
}

}  // namespace restante::ctl
