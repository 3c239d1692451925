#include "storage-service/ctl/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/config_values.h"
#include "common/program.h"
#include "storage-service/ctl/accounts_commands.h"
#include "storage-service/ctl/aliases_commands.h"
#include "storage-service/ctl/backup_commands.h"
#include "storage-service/ctl/deliver_command.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/filing_commands.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/mail_commands.h"
#include "storage-service/ctl/policy_commands.h"
#include "storage-service/ctl/quota_commands.h"
#include "storage-service/ctl/recover_command.h"
#include "storage-service/ctl/service_commands.h"
#include "storage-service/ctl/transfer/mail_export_command.h"
#include "storage-service/ctl/transfer/mail_import_command.h"
#include "storage-service/ctl/verify_command.h"

namespace restante::ctl {
namespace {

constexpr char kFooter[] =
    "Exit codes:\n"
    "  0  done\n"
    "  1  refused: no such account, it exists already, findings of verify, …\n"
    "  2  wrong usage\n"
    "  3  the storage service can't be reached, or didn't answer in time\n";

// "30s", "5m", or a number of seconds.
std::optional<absl::Duration> ParseTimeout(const std::string& text) {
  uint32_t seconds = 0;
  if (absl::SimpleAtoi(text, &seconds)) return absl::Seconds(seconds);
  return ParseConfigDuration(text);
}

bool IsServerAddress(const std::string& server) {
  if (absl::StartsWith(server, "unix:")) return server.size() > 5;
  const size_t colon = server.rfind(':');
  uint32_t port = 0;
  return colon != std::string::npos && colon > 0 &&
         absl::SimpleAtoi(server.substr(colon + 1), &port) && port > 0 && port < 65536;
}

int Refuse(const Streams& streams, absl::string_view message) {
  streams.err << "restantectl: " << Printable(message) << "\n"
              << "Try restantectl --help, or --help after a verb." << std::endl;
  return kUsage;
}

}  // namespace

int RunCommandLine(std::vector<std::string> arguments, const char* environment,
                   Streams streams) {
  GlobalOptions options;
  if (environment != nullptr && *environment != '\0') options.server = environment;
  std::string timeout;
  Action action;

  CLI::App app("Manages the accounts and the mail of a Restante storage service.",
               "restantectl");
  // Inherited by the verbs: global options may stand anywhere.
  app.fallthrough();
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", absl::StrCat("restantectl ", kVersion));
  app.add_option("--server", options.server,
                 "The storage service (default: $RESTANTE_SERVER, or 127.0.0.1:9143)")
      ->type_name("HOST:PORT|unix:PATH");
  app.add_flag("--json", options.json, "Output for programs");
  app.add_option("--timeout", timeout,
                 "How long a call may take, such as 10s; 0: as long as it takes (default: 30s; "
                 "deliver, import, export, delete, verify, backup, restore and messages show: "
                 "as long as it "
                 "takes)")
      ->type_name("DURATION");
  AddAccountsCommands(&app, &action);
  AddAliasesCommands(&app, &action);
  AddDomainsCommands(&app, &action);
  AddMailCommands(&app, &action);
  AddDeliverCommand(&app, &action);
  AddMailImportCommand(&app, &action);
  AddMailExportCommand(&app, &action);
  AddPolicyCommands(&app, &action);
  AddFilingCommands(&app, &action);
  AddServiceCommands(&app, &action);
  AddVerifyCommand(&app, &action);
  AddBackupCommands(&app, &action);
  AddRecoverCommand(&app, &action);

  try {
    // CLI11 takes them from the back.
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
  } catch (const CLI::Success& success) {
    app.exit(success, streams.out, streams.err);
    streams.out.flush();
    return kOk;
  } catch (const CLI::RequiredError& error) {
    // A misspelt verb is what is wrong, not that none was given.
    const std::vector<std::string> unknown = app.remaining(true);
    if (unknown.empty()) return Refuse(streams, error.what());
    return Refuse(streams, absl::StrCat("unknown verb '", unknown.front(), "'"));
  } catch (const CLI::ParseError& error) {
    return Refuse(streams, error.what());
  }
  if (!timeout.empty()) {
    options.timeout = ParseTimeout(timeout);
    if (!options.timeout.has_value()) {
      return Refuse(streams, absl::StrCat("--timeout: '", timeout,
                                          "' is no duration: give such as 10s, 500ms or 5m"));
    }
  }
  if (!IsServerAddress(options.server)) {
    return Refuse(streams, absl::StrCat("'", options.server,
                                        "' is no server: give HOST:PORT or "
                                        "unix:PATH (--server, or RESTANTE_SERVER)"));
  }

  Session session(options, streams);
  const absl::Status status = action(session);
  streams.out.flush();
  if (!status.ok()) {
    session.Complain(ErrorLine(status, options.server));
    return ExitCodeOf(status);
  }
  if (!streams.out) {
    session.Complain("can't write to standard output");
    return kRefused;
  }
  return kOk;
}

}  // namespace restante::ctl
