#include "storage-service/ctl/service_commands.h"

#include <map>

#include "absl/strings/str_format.h"
#include "common/grpc_status.h"
#include "restante/v1/admin.grpc.pb.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/table.h"

namespace restante::ctl {
namespace {

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
  app->add_subcommand("stats", "Show figures of the running service")->callback([action] {
    *action = [](Session& session) { return Stats(session); };
  });
}

}  // namespace restante::ctl
