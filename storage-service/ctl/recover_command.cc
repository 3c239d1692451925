#include "storage-service/ctl/recover_command.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/secret_input.h"
#include "storage-service/engine/recovery.h"

namespace restante::ctl {
namespace {

struct RecoverOptions {
  std::string directory;
  bool yes = false;
};

absl::Status Recover(const Session& session, const RecoverOptions& options) {
  if (!options.yes) {
    const absl::StatusOr<bool> sure =
        Confirm(session.in(),
                absl::StrCat("Drop what follows the first defect in the log of ",
                             Printable(options.directory), "? It may hold mail."),
                "--yes", session.err());
    if (!sure.ok()) return sure.status();
    if (!*sure) return RefusedError("nothing was changed");
  }
  const auto report = engine::RecoverToLastGoodPoint(options.directory);
  // An error here is the disk's or the directory's, never that of a connection.
  if (!report.ok()) return RefusedError(report.status().message());

  Json dropped = Json::array();
  for (const engine::RecoveryReport::Dropped& log : report->dropped) {
    dropped.push_back({{"file", log.file},
                       {"offset", log.offset},
                       {"octets", log.octets},
                       {"why", log.why},
                       {"copy", log.copy}});
    if (session.json()) continue;
    session.out() << Printable(log.file) << ": dropped " << FormatOctets(log.octets)
                  << " octets from offset " << log.offset << " on: " << Printable(log.why)
                  << "\n  the whole log is kept as " << Printable(log.copy) << '\n';
  }
  if (session.json()) {
    session.PrintJson({{"dropped", std::move(dropped)}});
  } else if (report->dropped.empty()) {
    session.out() << "The log is sound; nothing was dropped.\n";
  } else {
    session.out() << "The store can be opened again. Its mailboxes get new UIDVALIDITYs then, "
                     "and keep their UIDLs.\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddRecoverCommand(CLI::App* app, Action* action) {
  CLI::App* verb = app->add_subcommand(
      "recover",
      "Bring a store whose log is damaged to the last point before the defect.\n"
      "Works on the store's directory, while restante-storage isn't running. What it drops\n"
      "may have been acknowledged; it says what that is, and keeps a copy of the log.");
  const auto options = std::make_shared<RecoverOptions>();
  verb->add_option("DIRECTORY", options->directory, "The service's data_dir")->required();
  verb->add_flag("-y,--yes", options->yes, "Don't ask whether you are sure");
  verb->callback([action, options] {
    *action = [options](Session& session) { return Recover(session, *options); };
  });
}

}  // namespace restante::ctl
