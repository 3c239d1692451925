#include "storage-service/ctl/transfer/message_date.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace restante::ctl {
namespace {

std::string WithoutComments(absl::string_view text) {
  std::string plain;
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (depth == 0) plain.push_back(c);
    if (c == ')' && depth > 0) --depth;
  }
  return plain;
}

}  // namespace

std::optional<absl::Time> ParseMessageDate(absl::string_view text) {
  std::string plain = WithoutComments(text);
  const size_t comma = plain.find(',');
  if (comma != std::string::npos) plain = plain.substr(comma + 1);
  std::vector<std::string> words =
      absl::StrSplit(plain, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  if (words.size() < 4) return std::nullopt;
  if (words[3].size() == 5) words[3] += ":00";  // "12:34"
  words.resize(5);
  // Zones by name are unknown, as RFC 5322, section 4.3 has it, but for these.
  const std::string& zone = words[4];
  const bool numeric = zone.size() == 5 && (zone[0] == '+' || zone[0] == '-');
  if (!numeric) {
    words[4] = zone == "EST"   ? "-0500"
               : zone == "EDT" ? "-0400"
               : zone == "PST" ? "-0800"
               : zone == "PDT" ? "-0700"
                               : "+0000";
  }
  absl::Time time;
  std::string error;
  for (const char* format : {"%d %b %Y %H:%M:%S %z", "%d %b %y %H:%M:%S %z"}) {
    // A year of two digits would be one of the first century.
    if ((words[2].size() == 2) != absl::StrContains(format, "%y")) continue;
    if (absl::ParseTime(format, absl::StrJoin(words, " "), &time, &error)) return time;
  }
  return std::nullopt;
}

std::optional<absl::Time> ReceivedDate(absl::string_view begin) {
  std::string field;
  std::optional<absl::Time> sent;
  std::optional<absl::Time> received;
  const auto look = [&]() {
    if (absl::StartsWithIgnoreCase(field, "Date:") && !sent) {
      sent = ParseMessageDate(absl::string_view(field).substr(5));
    } else if (absl::StartsWithIgnoreCase(field, "Received:") && !received) {
      const size_t semicolon = field.rfind(';');
      if (semicolon != std::string::npos) {
        received = ParseMessageDate(absl::string_view(field).substr(semicolon + 1));
      }
    }
    field.clear();
  };
  for (absl::string_view line : absl::StrSplit(begin, '\n')) {
    line = absl::StripTrailingAsciiWhitespace(line);
    if (line.empty()) break;
    if (line[0] != ' ' && line[0] != '\t') look();
    absl::StrAppend(&field, line);
  }
  look();
  return received ? received : sent;
}

}  // namespace restante::ctl
