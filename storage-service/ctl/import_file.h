// The file of `accounts import`: one account a line,
//
//   ADDRESS<TAB>PASSWORD
//   ADDRESS<TAB>{CRYPT}HASH
//
// in UTF-8, lines ended by LF or CRLF. What follows the first tab is taken as it is,
// spaces and further tabs included. {CRYPT} stands before a crypt(5) string, {PLAIN}
// may stand before a password; any other {SCHEME} is refused rather than taken for the
// beginning of a password. Blank lines, and lines that begin with #, are passed over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "restante/v1/accounts.pb.h"

namespace restante::ctl {

struct ImportProblemLine {
  uint64_t line = 0;  // from 1
  std::string message;
};

struct ImportFile {
  std::vector<v1::ImportEntry> entries;
  std::vector<uint64_t> lines;  // of each entry, from 1
  // Lines that are no entry, at most 100.
  std::vector<ImportProblemLine> problems;
};

ImportFile ParseImport(absl::string_view text);

// The whole of a file, or of standard input for "-".
absl::StatusOr<std::string> ReadWhole(const std::string& path, int standard_input);

}  // namespace restante::ctl
