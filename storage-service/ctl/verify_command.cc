#include "storage-service/ctl/verify_command.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/grpc_status.h"
#include "restante/v1/admin.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/offline_store.h"
#include "storage-service/ctl/secret_input.h"

namespace restante::ctl {
namespace {

struct VerifyCommandOptions {
  bool bodies = false;
  bool repair = false;
  bool expunge_unreadable = false;
  bool yes = false;
  std::string directory;  // empty: the running service's
};

// Shows findings as they come, and the summary after them.
class Report {
 public:
  explicit Report(const Session& session) : session_(session) {}

  void Add(const v1::VerifyFinding& finding) {
    if (session_.json()) {
      findings_.push_back(ToJson(finding));
      return;
    }
    const bool error = finding.severity() == v1::VerifyFinding::SEVERITY_ERROR;
    const char* what = finding.repaired() ? "fixed  " : error ? "ERROR  " : "note   ";
    session_.out() << what << Printable(finding.where()) << ": " << Printable(finding.message())
                   << std::endl;
  }

  absl::Status End(const v1::VerifySummary& summary) {
    if (session_.json()) {
      session_.PrintJson({{"findings", std::move(findings_)}, {"summary", ToJson(summary)}});
    } else {
      session_.out() << "Checked " << summary.accounts() << " accounts, " << summary.mailboxes()
                     << " mailboxes, " << summary.messages() << " messages of "
                     << FormatOctets(summary.octets()) << " octets, " << summary.bodies()
                     << " bodies: ";
      if (summary.repaired() > 0) session_.out() << summary.repaired() << " repaired, ";
      session_.out() << summary.errors() << " errors, " << summary.notes() << " notes.\n";
    }
    if (summary.errors() == 0) return absl::OkStatus();
    return RefusedError(absl::StrCat("the store has ", summary.errors(), " errors"));
  }

 private:
  const Session& session_;
  Json findings_ = Json::array();
};

absl::Status VerifyService(const Session& session, const VerifyCommandOptions& options) {
  v1::VerifyRequest request;
  request.set_read_bodies(options.bodies);
  request.set_repair(options.repair);
  request.set_expunge_unreadable(options.expunge_unreadable);
  const auto stub = v1::AdminService::NewStub(session.channel());
  const auto context = session.LongCall();
  const auto reader = stub->Verify(context.get(), request);
  Report report(session);
  std::optional<v1::VerifySummary> summary;
  v1::VerifyResponse response;
  while (reader->Read(&response)) {
    if (response.has_summary()) summary = response.summary();
    if (response.has_finding()) report.Add(response.finding());
  }
  const absl::Status status = FromGrpcStatus(reader->Finish());
  if (!status.ok()) return status;
  if (!summary.has_value()) return RefusedError("verify ended without a summary");
  return report.End(*summary);
}

absl::Status VerifyDirectory(const Session& session, const VerifyCommandOptions& options) {
  const absl::StatusOr<std::unique_ptr<store::Store>> store = OpenOffline(options.directory);
  if (!store.ok()) return store.status();
  Report report(session);
  const absl::StatusOr<store::VerifySummary> found = SyncWait((*store)->Verify(
      {options.bodies, options.repair, options.expunge_unreadable},
      [&report](store::VerifyFinding finding) {
        v1::VerifyFinding shown;
        shown.set_severity(finding.is_error ? v1::VerifyFinding::SEVERITY_ERROR
                                            : v1::VerifyFinding::SEVERITY_NOTE);
        shown.set_where(std::move(finding.where));
        shown.set_message(std::move(finding.message));
        shown.set_repaired(finding.repaired);
        report.Add(shown);
      }));
  if (!found.ok()) return RefusedError(found.status().message());
  v1::VerifySummary summary;
  summary.set_accounts(found->accounts);
  summary.set_mailboxes(found->mailboxes);
  summary.set_messages(found->messages);
  summary.set_octets(found->octets);
  summary.set_bodies(found->bodies);
  summary.set_errors(found->errors);
  summary.set_notes(found->notes);
  summary.set_repaired(found->repaired);
  return report.End(summary);
}

absl::Status Verify(const Session& session, const VerifyCommandOptions& options) {
  if (options.expunge_unreadable && !options.yes) {
    const absl::StatusOr<bool> sure =
        Confirm(session.in(),
                "Remove messages whose octets can't be read any more? They don't come back.",
                "--yes", session.err());
    if (!sure.ok()) return sure.status();
    if (!*sure) return RefusedError("nothing was changed");
  }
  return options.directory.empty() ? VerifyService(session, options)
                                   : VerifyDirectory(session, options);
}

}  // namespace

void AddVerifyCommand(CLI::App* app, Action* action) {
  CLI::App* verb = app->add_subcommand(
      "verify",
      "Check every invariant of the store by a full scan, while it is in use.\n"
      "Exit code 1 if one is broken; notes are harmless leftovers of a crash.");
  const auto options = std::make_shared<VerifyCommandOptions>();
  verb->add_flag("--bodies", options->bodies, "Read every message too, and check its octets");
  CLI::Option* repair = verb->add_flag(
      "--repair", options->repair,
      "Make good what is found, and check again; nothing that can be read is lost");
  verb->add_flag("--expunge-unreadable", options->expunge_unreadable,
                 "With --repair: remove messages whose octets can't be read any more")
      ->needs(repair);
  verb->add_flag("-y,--yes", options->yes, "Don't ask whether you are sure");
  verb->add_option("--directory", options->directory,
                   "The data_dir of a service that isn't running, in place of one that is")
      ->type_name("DIRECTORY");
  verb->callback([action, options] {
    *action = [options](Session& session) { return Verify(session, *options); };
  });
}

}  // namespace restante::ctl
