// What filing rules look for in a header is found while it passes by, however it is cut,
// exactly where it is found in the whole.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "storage-service/store/field_matcher.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/stored_message.h"

namespace restante::fuzz {
namespace {

const store::FilingRule kRules[] = {{"X-Spam-Flag", "YES", false, "Junk"},
                                    {"x-spam-status", "Yes, ", true, "Junk"},
                                    {"a", "", true, "A"},
                                    {"a", "", false, "A"},
                                    {"Subject", "b c", false, "B"},
                                    {"Subject", "b", true, "B"}};

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

std::string Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return absl::AsciiStrToLower({text.data(), text.size()});
}

// Names and values of the fields, in lower case.
std::vector<std::pair<std::string, std::string>> FieldsOf(const std::string& message) {
  std::vector<std::pair<std::string, std::string>> fields;
  bool in_field = false;
  for (const std::string_view line : LinesOf(message)) {
    if (line == "\r\n") break;
    if (IsSpace(line.front())) {
      if (in_field) fields.back().second += line;
      continue;
    }
    const size_t colon = line.find(':');
    in_field = colon <= 128;
    if (!in_field) continue;
    std::string name(line.substr(0, colon));
    while (!name.empty() && IsSpace(name.back())) name.pop_back();
    fields.emplace_back(absl::AsciiStrToLower(name), line.substr(colon + 1));
  }
  for (auto& [name, value] : fields) {
    std::erase_if(value, [](char c) { return c == '\r' || c == '\n'; });
    value = Trimmed(value);
  }
  return fields;
}

std::vector<bool> Reference(const std::string& message) {
  const auto fields = FieldsOf(message);
  std::vector<bool> found;
  for (const store::FilingRule& rule : kRules) {
    const std::string name = absl::AsciiStrToLower(rule.field);
    const std::string value = absl::AsciiStrToLower(rule.value);
    found.push_back(std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
      if (field.first != name) return false;
      return rule.prefix ? field.second.starts_with(value) : field.second == value;
    }));
  }
  return found;
}

std::vector<bool> Found(const std::vector<std::string_view>& pieces) {
  store::FieldMatcher matcher;
  for (const store::FilingRule& rule : kRules) matcher.LookFor(rule);
  for (const std::string_view piece : pieces) matcher.Feed({piece.data(), piece.size()});
  matcher.Finish();
  std::vector<bool> found;
  for (const store::FilingRule& rule : kRules) found.push_back(matcher.Found(rule));
  return found;
}

}  // namespace
}  // namespace restante::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace restante::fuzz;
  const Input input(data, size);
  const StoredMessage message = Store({input.text()});
  std::string with_cut(1, static_cast<char>(input.cut()));
  with_cut += message.octets;
  const Input cut(reinterpret_cast<const uint8_t*>(with_cut.data()), with_cut.size());
  const std::vector<bool> expected = Reference(message.octets);
  PROPERTY(Found({message.octets}) == expected);
  PROPERTY(Found(cut.Pieces()) == expected);
  return 0;
}
