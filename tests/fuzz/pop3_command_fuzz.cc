// The command parser of the front-end: what it finds is in the line, doesn't depend on
// the case of keywords, and numbers are what their digits say.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "pop3d/command.h"
#include "tests/fuzz/property.h"

namespace restante::pop3 {
namespace {

void CheckNumbers(absl::string_view argument) {
  if (const auto number = ParseMessageNumber(argument)) {
    PROPERTY(*number != 0);
    PROPERTY(argument.find_first_not_of("0123456789") == argument.npos);
    const size_t digits = std::min(argument.find_first_not_of('0'), argument.size());
    PROPERTY(argument.substr(digits) == absl::StrCat(*number));
  }
  if (const auto top = ParseTopArguments(argument)) {
    const size_t space = argument.find(' ');
    PROPERTY(space != argument.npos);
    PROPERTY(ParseMessageNumber(argument.substr(0, space)) == top->number);
    const absl::string_view lines = argument.substr(space + 1);
    PROPERTY(!lines.empty());
    PROPERTY(lines.find_first_not_of("0123456789") == lines.npos);
    const size_t digits = std::min(lines.find_first_not_of('0'), lines.size() - 1);
    PROPERTY(lines.substr(digits) == absl::StrCat(top->lines));
  }
  if (const auto one = OneArgument(argument)) {
    PROPERTY(!one->empty() && *one == argument && one->find(' ') == one->npos);
  }
}

}  // namespace
}  // namespace restante::pop3

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::pop3;
  const restante::fuzz::Input input(data, size);
  const absl::string_view line(input.text().data(), input.text().size());
  const Command command = ParseCommand(line);
  if (!command.argument.empty()) {
    PROPERTY(command.argument.data() >= line.data());
    PROPERTY(command.argument.data() + command.argument.size() <= line.data() + line.size());
    PROPERTY(command.verb == Verb::kPass || command.argument.back() != ' ');
  }
  const size_t space = std::min(line.find(' '), line.size());
  std::string other(line);
  for (size_t i = 0; i < space; ++i) {
    other[i] = i % 2 == 0 ? absl::ascii_tolower(static_cast<unsigned char>(other[i]))
                          : absl::ascii_toupper(static_cast<unsigned char>(other[i]));
  }
  const Command same = ParseCommand(other);
  PROPERTY(same.verb == command.verb && same.argument == command.argument);
  if (command.verb != Verb::kPass) {
    PROPERTY(ParseCommand(absl::StrCat(line, "  ")).verb == command.verb);
    const std::string spaced = absl::StrCat(line, " ", "  ");
    PROPERTY(ParseCommand(spaced).argument == command.argument);
  }
  CheckNumbers(command.argument);
  CheckNumbers(line);
  return 0;
}
