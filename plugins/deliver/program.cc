#include "plugins/deliver/program.h"

#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "common/config.h"
#include "plugins/deliver/config.h"
#include "plugins/deliver/delivery.h"
#include "plugins/deliver/options.h"

namespace restante::deliver {
namespace {

// The operator's mistake, so the line tells MTAs that read it (Postfix) to keep the
// message: its sender can't mend it.
int GiveUp(int exit_code, const absl::Status& why) {
  std::cerr << "4.3.5 restante-deliver: " << std::string(why.message()) << "\n";
  return exit_code;
}

absl::Status Configure(const Options& options, config::DeliverConfig* config) {
  if (!options.config_file.empty()) {
    if (absl::Status status = LoadYaml(options.config_file, config); !status.ok())
      return status;
  }
  for (const std::string& assignment : options.overrides) {
    if (absl::Status status = ApplyOverride(assignment, config); !status.ok()) return status;
  }
  const absl::Status status = CheckConfig(*config);
  if (status.ok() || options.config_file.empty()) return status;
  return absl::Status(status.code(), absl::StrCat(options.config_file, ": ", status.message()));
}

}  // namespace

int Run(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) return GiveUp(EX_USAGE, options.status());
  switch (options->action) {
    case Options::Action::kVersion:
      std::cout << "restante-deliver " << RESTANTE_VERSION << "\n";
      return EX_OK;
    case Options::Action::kHelp:
      std::cout << kUsageText;
      return EX_OK;
    default:
      break;
  }
  config::DeliverConfig config = DefaultConfig();
  if (absl::Status status = Configure(*options, &config); !status.ok()) {
    return GiveUp(EX_CONFIG, status);
  }
  switch (options->action) {
    case Options::Action::kCheckConfig:
      std::cout << "configuration is valid\n";
      return EX_OK;
    case Options::Action::kPrintConfig:
      std::cout << ToYaml(config);
      return EX_OK;
    default:
      break;
  }
  const Outcome outcome =
      Deliver(STDIN_FILENO, std::move(options->sender), options->recipients, config);
  std::cerr << outcome.text;
  return outcome.exit_code;
}

}  // namespace restante::deliver
