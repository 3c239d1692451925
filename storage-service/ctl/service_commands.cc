#include "storage-service/ctl/service_commands.h"

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/grpc_status.h"
#include "restante/v1/admin.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/table.h"

namespace restante::ctl {
namespace {

absl::Status Verify(const Session& session, bool bodies) {
  v1::VerifyRequest request;
  request.set_read_bodies(bodies);
  const auto stub = v1::AdminService::NewStub(session.channel());
  const auto context = session.LongCall();
  const auto reader = stub->Verify(context.get(), request);
  Json findings = Json::array();
  std::optional<v1::VerifySummary> summary;
  v1::VerifyResponse response;
  while (reader->Read(&response)) {
    if (response.has_summary()) summary = response.summary();
    if (!response.has_finding()) continue;
    const v1::VerifyFinding& finding = response.finding();
    if (session.json()) {
      findings.push_back(ToJson(finding));
    } else {
      const bool error = finding.severity() == v1::VerifyFinding::SEVERITY_ERROR;
      session.out() << (error ? "ERROR  " : "note   ") << Printable(finding.where()) << ": "
                    << Printable(finding.message()) << std::endl;
    }
  }
  const absl::Status status = FromGrpcStatus(reader->Finish());
  if (!status.ok()) return status;
  if (!summary.has_value()) return RefusedError("verify ended without a summary");

  if (session.json()) {
    session.PrintJson({{"findings", std::move(findings)}, {"summary", ToJson(*summary)}});
  } else {
    session.out() << "Checked " << summary->accounts() << " accounts, " << summary->mailboxes()
                  << " mailboxes, " << summary->messages() << " messages of "
                  << FormatOctets(summary->octets()) << " octets, " << summary->bodies()
                  << " bodies: " << summary->errors() << " errors, " << summary->notes()
                  << " notes.\n";
  }
  if (summary->errors() == 0) return absl::OkStatus();
  return RefusedError(absl::StrCat("the store has ", summary->errors(), " errors"));
}

absl::Status Stats(const Session& session) {
  v1::GetStatsResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(v1::AdminService::NewStub(session.channel())
                         ->GetStats(context.get(), v1::GetStatsRequest(), &response));
  if (!status.ok()) return status;
  const std::map<std::string, double> values(response.values().begin(),
                                             response.values().end());
  if (session.json()) {
    session.PrintJson({{"version", response.version()}, {"values", values}});
    return absl::OkStatus();
  }
  session.out() << "restante-storage " << Printable(response.version()) << "\n\n";
  Table table({{"NAME"}, {"VALUE", Table::Align::kRight}});
  for (const auto& [name, value] : values) {
    table.Add({name, absl::StrFormat("%.17g", value)});
  }
  table.Print(session.out());
  return absl::OkStatus();
}

}  // namespace

void AddServiceCommands(CLI::App* app, Action* action) {
  CLI::App* verify = app->add_subcommand(
      "verify",
      "Check every invariant of the store by a full scan, while it is in use.\n"
      "Exit code 1 if one is broken; notes are harmless leftovers of a crash.");
  const auto bodies = std::make_shared<bool>(false);
  verify->add_flag("--bodies", *bodies, "Read every message too, and check its octets");
  verify->callback([action, bodies] {
    *action = [bodies](Session& session) { return Verify(session, *bodies); };
  });
  app->add_subcommand("stats", "Show figures of the running service")->callback([action] {
    *action = [](Session& session) { return Stats(session); };
  });
}

}  // namespace restante::ctl
