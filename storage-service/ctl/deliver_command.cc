#include "storage-service/ctl/deliver_command.h"

#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/grpc_status.h"
#include "restante/v1/delivery.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/input_file.h"

namespace restante::ctl {
namespace {

// The most that the contract allows in one part.
constexpr size_t kPartOctets = 256 * 1024;

struct DeliverOptions {
  std::string path;
  std::vector<std::string> recipients;
  std::vector<std::string> more_recipients;
  std::string sender;
};

using Stream = grpc::ClientReaderWriter<v1::DeliverStreamRequest, v1::DeliverStreamResponse>;

// Sends the message piece by piece, until its end or until `answered`: a service that
// has refused every recipient wants no more of it.
absl::Status SendMessage(Stream* stream, InputFile* file, v1::Envelope envelope,
                         const absl::Notification* answered) {
  v1::DeliverStreamRequest request;
  v1::DeliveryPart* part = request.add_parts();
  part->set_id(1);
  *part->mutable_envelope() = std::move(envelope);
  for (bool last = false; !last && !answered->HasBeenNotified();) {
    absl::StatusOr<std::string> data = file->Read(kPartOctets);
    if (!data.ok()) return data.status();
    last = data->empty();
    part->set_data(*std::move(data));
    part->set_last(last);
    if (!stream->Write(request)) break;
    part->clear_envelope();
  }
  return absl::OkStatus();
}

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
      session.out() << Printable(recipients[i]) << ": delivered, UID " << result.uid() << '\n';
    }
    results.push_back({{"recipient", recipients[i]},
                       {"delivered", true},
                       {"mailbox_id", result.mailbox_id()},
                       {"uidvalidity", result.uidvalidity()},
                       {"uid", result.uid()},
                       {"guid", result.guid()}});
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
  envelope.set_declared_octets(file->size());
  envelope.mutable_client()->set_protocol("restantectl");
  std::vector<std::string> recipients = options.recipients;
  recipients.insert(recipients.end(), options.more_recipients.begin(),
                    options.more_recipients.end());
  for (const std::string& recipient : recipients) envelope.add_recipients(recipient);

  const auto stub = v1::DeliveryService::NewStub(session.channel());
  const auto context = session.LongCall();
  const std::unique_ptr<Stream> stream = stub->DeliverStream(context.get());

  // The answer may come before the end of the message, so it is awaited beside.
  std::optional<v1::DeliveryResult> result;
  absl::Notification answered;
  std::thread reader([&stream, &result, &answered] {
    v1::DeliverStreamResponse response;
    while (stream->Read(&response)) {
      if (response.results_size() > 0 && !result.has_value()) {
        result = response.results(0);
        break;
      }
    }
    answered.Notify();
  });
  const absl::Status sent = SendMessage(stream.get(), &*file, std::move(envelope), &answered);
  if (!sent.ok()) context->TryCancel();
  reader.join();
  if (!sent.ok()) {
    static_cast<void>(stream->Finish());
    return sent;
  }
  if (!result.has_value()) {
    const absl::Status status = FromGrpcStatus(stream->Finish());
    return status.ok() ? RefusedError("the service ended the delivery without an answer")
                       : status;
  }
  // Nothing more is said on either side.
  context->TryCancel();
  static_cast<void>(stream->Finish());
  if (result->has_error()) return FromRpcStatus(result->error());
  return Report(session, recipients, result->delivered());
}

}  // namespace

void AddDeliverCommand(CLI::App* app, Action* action) {
  CLI::App* verb = app->add_subcommand(
      "deliver",
      "Deliver a message to the INBOX of each recipient.\n"
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
  verb->callback([action, options] {
    *action = [options](Session& session) { return Deliver(session, *options); };
  });
}

}  // namespace restante::ctl
