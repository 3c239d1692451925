// The commands of RFC 1939, 2449, 2595, 5034 and 6856 as a line spells them. Knows no
// session: whether a command is allowed now is not decided here.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace restante::pop3 {

enum class Verb {
  kUnknown,
  kApop,
  kAuth,
  kCapa,
  kDele,
  kLang,
  kList,
  kNoop,
  kPass,
  kQuit,
  kRetr,
  kRset,
  kStat,
  kStls,
  kTop,
  kUidl,
  kUser,
  kUtf8,
};

struct Command {
  Verb verb = Verb::kUnknown;
  // What stands behind the keyword and one space. Spaces at the end of the line
  // are no part of it, but for PASS, whose argument is the whole rest (RFC 1939,
  // section 7). Points into the line.
  absl::string_view argument;
};

Command ParseCommand(absl::string_view line);

// One argument and nothing else; nothing if there are none, several, or one that
// is empty.
std::optional<absl::string_view> OneArgument(absl::string_view argument);

// A message number: digits alone, 1 to 2^32 - 1 (a maildrop has fewer messages
// than UIDs).
std::optional<uint32_t> ParseMessageNumber(absl::string_view argument);

// The arguments of TOP: a message number and a count of lines, 0 to 2^64 - 1.
struct TopArguments {
  uint32_t number = 0;
  uint64_t lines = 0;
};
std::optional<TopArguments> ParseTopArguments(absl::string_view argument);

}  // namespace restante::pop3
