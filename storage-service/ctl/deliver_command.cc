#include "storage-service/ctl/deliver_command.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/grpc_status.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/input_file.h"
#include "storage-service/ctl/upload.h"

namespace restante::ctl {
namespace {

struct DeliverOptions {
  std::string path;
  std::vector<std::string> recipients;
  std::vector<std::string> more_recipients;
  std::string sender;
  bool smtputf8 = false;
};

absl::Status Report(const Session& session, const std::vector<std::string>& recipients,
                    const v1::DeliverResponse& response) {
  if (static_cast<size_t>(response.results_size()) != recipients.size()) {
    return RefusedError("the service's answer doesn't fit the recipients");
  }
  size_t failed = 0;
  Json results = Json::array();
  for (size_t i = 0; i < recipients.size(); ++i) {
    const v1::RecipientResult& result = response.results(static_cast<int>(i));
    const absl::Status status = FromRpcStatus(result.status());
    if (!status.ok()) {
      ++failed;
      const std::string why = ErrorLine(status, "");
      session.Complain(absl::StrCat(recipients[i], ": ", why));
      results.push_back({{"recipient", recipients[i]}, {"delivered", false}, {"error", why}});
      continue;
    }
    if (!session.json()) {
      const bool elsewhere = !result.mailbox().empty() && result.mailbox() != "INBOX";
      session.out() << Printable(recipients[i]) << ": delivered"
                    << (elsewhere ? " to " + Printable(result.mailbox()) : "") << ", UID "
                    << result.uid() << '\n';
    }
    results.push_back({{"recipient", recipients[i]},
                       {"delivered", true},
                       {"mailbox", result.mailbox()},
                       {"mailbox_id", result.mailbox_id()},
                       {"uidvalidity", result.uidvalidity()},
                       {"uid", result.uid()},
                       {"guid", result.guid()},
                       {"uidl", result.uidl()}});
  }
  if (session.json()) session.PrintJson({{"results", std::move(results)}});
  if (failed == 0) return absl::OkStatus();
  return RefusedError(
      absl::StrCat(failed, " of ", recipients.size(), " recipients didn't get the message"));
}

absl::Status Deliver(const Session& session, const DeliverOptions& options) {
  absl::StatusOr<InputFile> file = InputFile::Open(options.path, session.in());
  if (!file.ok()) return file.status();
  v1::Envelope envelope;
  envelope.set_sender(options.sender);
  envelope.set_smtputf8(options.smtputf8);
  envelope.set_declared_octets(file->size());
  envelope.mutable_client()->set_protocol("restantectl");
  std::vector<std::string> recipients = options.recipients;
  recipients.insert(recipients.end(), options.more_recipients.begin(),
                    options.more_recipients.end());
  for (const std::string& recipient : recipients) envelope.add_recipients(recipient);

  const absl::StatusOr<v1::DeliverResponse> delivered =
      Upload(session, &*file, std::move(envelope));
  if (!delivered.ok()) return delivered.status();
  return Report(session, recipients, *delivered);
}

}  // namespace

void AddDeliverCommand(CLI::App* app, Action* action) {
  CLI::App* verb = app->add_subcommand(
      "deliver",
      "Deliver a message to each recipient, as an MTA does.\n"
      "One line for each recipient: on standard output who got it, on standard error who\n"
      "didn't and why.");
  const auto options = std::make_shared<DeliverOptions>();
  verb->add_option("FILE", options->path, "The message, of any size; - for standard input")
      ->required();
  verb->add_option("--to", options->recipients, "A recipient; may be repeated")
      ->type_name("ADDRESS")
      ->required()
      ->allow_extra_args(false);
  verb->add_option("ADDRESS", options->more_recipients, "More recipients");
  verb->add_option("--from", options->sender, "The sender (default: none, as a bounce has)")
      ->type_name("ADDRESS");
  verb->add_flag("--smtputf8", options->smtputf8,
                 "It came by SMTPUTF8: clients that take no UTF-8 in headers are served a "
                 "downgraded one");
  verb->callback([action, options] {
    *action = [options](Session& session) { return Deliver(session, *options); };
  });
}

}  // namespace restante::ctl
