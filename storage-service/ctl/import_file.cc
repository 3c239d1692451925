#include "storage-service/ctl/import_file.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/input_file.h"

namespace restante::ctl {
namespace {

constexpr size_t kMostBadLines = 100;

// "{CRYPT}" of "{CRYPT}$6$…"; empty if the text begins with no such word.
absl::string_view SchemeOf(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "{")) return {};
  const size_t end = text.find('}');
  if (end == 0 || end == absl::string_view::npos) return {};
  const absl::string_view word = text.substr(0, end);
  const bool scheme = std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
  });
  return scheme ? absl::string_view(text.data() - 1, end + 2) : absl::string_view();
}

// Why the line is no entry; empty if it is one.
std::string ParseLine(absl::string_view line, v1::ImportEntry* entry) {
  if (!IsUtf8(line)) return "not UTF-8";
  const size_t tab = line.find('\t');
  if (tab == absl::string_view::npos) {
    return "no tab: a line is ADDRESS<TAB>PASSWORD or ADDRESS<TAB>{CRYPT}HASH";
  }
  const absl::string_view address = line.substr(0, tab);
  absl::string_view secret = line.substr(tab + 1);
  if (address.empty()) return "no address before the tab";
  if (secret.empty()) return "no password after the tab";
  entry->set_address(std::string(address));

  const absl::string_view scheme = SchemeOf(secret);
  absl::ConsumePrefix(&secret, scheme);
  if (absl::EqualsIgnoreCase(scheme, "{CRYPT}")) {
    entry->mutable_credential()->set_crypt_hash(std::string(secret));
  } else if (scheme.empty() || absl::EqualsIgnoreCase(scheme, "{PLAIN}")) {
    entry->mutable_credential()->set_password(std::string(secret));
  } else {
    return absl::StrCat("the password has the scheme ", scheme,
                        ": only {CRYPT} and {PLAIN} are known");
  }
  return "";
}

}  // namespace

ImportFile ParseImport(absl::string_view text) {
  ImportFile file;
  for (uint64_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    absl::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    absl::ConsumeSuffix(&line, "\r");
    if (absl::StripAsciiWhitespace(line).empty() || line[0] == '#') continue;
    v1::ImportEntry entry;
    std::string problem = ParseLine(line, &entry);
    if (problem.empty()) {
      file.entries.push_back(std::move(entry));
      file.lines.push_back(number);
    } else if (file.problems.size() < kMostBadLines) {
      file.problems.push_back({number, std::move(problem)});
    }
  }
  return file;
}

absl::StatusOr<std::string> ReadWhole(const std::string& path, int standard_input) {
  absl::StatusOr<InputFile> file = InputFile::Open(path, standard_input);
  if (!file.ok()) return file.status();
  std::string whole;
  for (;;) {
    const absl::StatusOr<std::string> piece = file->Read(1 << 16);
    if (!piece.ok()) return piece.status();
    if (piece->empty()) return whole;
    whole += *piece;
  }
}

}  // namespace restante::ctl
