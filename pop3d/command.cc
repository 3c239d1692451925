#include "pop3d/command.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "pop3d/faults.h"

namespace restante::pop3 {
namespace {

struct Keyword {
  absl::string_view name;
  Verb verb;
};

constexpr Keyword kKeywords[] = {
    {"RETR", Verb::kRetr}, {"DELE", Verb::kDele}, {"USER", Verb::kUser}, {"PASS", Verb::kPass},
    {"QUIT", Verb::kQuit}, {"STAT", Verb::kStat}, {"UIDL", Verb::kUidl}, {"LIST", Verb::kList},
    {"CAPA", Verb::kCapa}, {"AUTH", Verb::kAuth}, {"STLS", Verb::kStls}, {"NOOP", Verb::kNoop},
    {"TOP", Verb::kTop},   {"RSET", Verb::kRset}, {"APOP", Verb::kApop}, {"UTF8", Verb::kUtf8},
    {"LANG", Verb::kLang},
};

Verb VerbOf(absl::string_view keyword) {
  for (const Keyword& known : kKeywords) {
    if (On(Fault::kKeywordsInCapitalsOnly) && keyword != known.name) continue;
    if (absl::EqualsIgnoreCase(keyword, known.name)) return known.verb;
  }
  return Verb::kUnknown;
}

std::optional<uint64_t> ParseDigits(absl::string_view text) {
  if (On(Fault::kMoreArgumentsArePassedOver)) text = text.substr(0, text.find(' '));
  if (On(Fault::kSignedNumbers) && !text.empty() && text[0] == '+') text.remove_prefix(1);
  // SimpleAtoi takes signs and spaces as well.
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

}  // namespace

Command ParseCommand(absl::string_view line) {
  const size_t space = line.find(' ');
  Command command{VerbOf(line.substr(0, space)), {}};
  if (space == line.npos) return command;
  command.argument = line.substr(space + 1);
  if (command.verb != Verb::kPass || On(Fault::kPassTrimsSpaces)) {
    while (!command.argument.empty() && command.argument.back() == ' ') {
      command.argument.remove_suffix(1);
    }
  }
  return command;
}

std::optional<absl::string_view> OneArgument(absl::string_view argument) {
  if (argument.empty() || argument.find(' ') != argument.npos) return std::nullopt;
  return argument;
}

std::optional<uint32_t> ParseMessageNumber(absl::string_view argument) {
  const std::optional<uint64_t> number = ParseDigits(argument);
  if (On(Fault::kNumberZeroIsOne) && number == uint64_t{0}) return 1;
  if (On(Fault::kNumbersWrap) && number.has_value()) return static_cast<uint32_t>(*number);
  if (!number.has_value() || *number == 0 || *number > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

std::optional<TopArguments> ParseTopArguments(absl::string_view argument) {
  const size_t space = argument.find(' ');
  if (space == argument.npos) return std::nullopt;
  const std::optional<uint32_t> number = ParseMessageNumber(argument.substr(0, space));
  const std::optional<uint64_t> lines = ParseDigits(argument.substr(space + 1));
  if (!number.has_value() || !lines.has_value()) return std::nullopt;
  return TopArguments{*number, *lines};
}

}  // namespace restante::pop3
