// The command line of restante-deliver. Knows neither the configuration's keys nor
// which addresses exist.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::deliver {

struct Options {
  enum class Action { kDeliver, kCheckConfig, kPrintConfig, kVersion, kHelp };
  Action action = Action::kDeliver;

  std::string config_file;
  // key=value, to be applied after the file.
  std::vector<std::string> overrides;

  // The reverse-path without angle brackets, empty for the null one; absent if none was
  // given. An address that ParsePath() of plugins/lmtpd/address.h takes.
  std::optional<std::string> sender;
  // The same, and at least one to deliver to.
  std::vector<std::string> recipients;
};

// Errors are INVALID_ARGUMENT and say what is wrong: an unknown option, no recipient, an
// address that has no place in an SMTP command.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

// A reverse-path as MTAs hand it to commands: "<>", and MAILER-DAEMON, which Postfix writes
// for it, are the null one. Nothing if it isn't an address.
std::optional<std::string> ReadSender(absl::string_view text);

// What --help prints.
extern const char kUsageText[];

}  // namespace restante::deliver
