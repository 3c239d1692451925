#include "storage-service/ctl/transfer/mail_export_command.h"

#include <memory>
#include <string>

#include "storage-service/ctl/transfer/export_sink.h"
#include "storage-service/ctl/transfer/mail_export.h"

namespace restante::ctl {
namespace {

struct ExportOptions {
  ExportPlan plan;
  std::string to;
  std::string directory;
};

absl::Status Export(const Session& session, const ExportOptions& options) {
  const auto sink = options.to == "mbox" ? NewMboxExport(options.directory)
                                         : NewMaildirExport(options.directory);
  if (!sink.ok()) return sink.status();
  return ExportMail(session, options.plan, sink->get());
}

}  // namespace

void AddMailExportCommand(CLI::App* app, Action* action) {
  CLI::App* verb = app->add_subcommand(
      "export",
      "Write an account's mail to files: a Maildir that Dovecot can take over, with UIDs and\n"
      "UIDLs, or an mbox for each mailbox. One that was interrupted goes on where it ended,\n"
      "and one that is repeated adds what has come since.");
  const auto options = std::make_shared<ExportOptions>();
  verb->add_option("ADDRESS", options->plan.address, "The account")->required();
  verb->add_option("--to", options->to, "The format")
      ->required()
      ->check(CLI::IsMember({"maildir", "mbox"}));
  verb->add_option("DIRECTORY", options->directory,
                   "Where the files are to be; made if need be")
      ->required();
  verb->add_option("--mailbox", options->plan.mailboxes,
                   "Only this mailbox, such as INBOX or Archive/2024; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->callback([action, options] {
    *action = [options](Session& session) { return Export(session, *options); };
  });
}

}  // namespace restante::ctl
