#include "storage-service/ctl/mail_import_command.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/input_file.h"
#include "storage-service/ctl/spool.h"
#include "storage-service/ctl/upload.h"

namespace restante::ctl {
namespace {

struct ImportOptions {
  std::string from;
  std::string path;
  std::string address;
  std::string uidl_format;
  uint32_t uidvalidity = 0;
};

absl::StatusOr<Spool> ReadSpool(const ImportOptions& options) {
  const bool has_format = options.from == "dovecot" || options.from == "cyrus";
  if (!options.uidl_format.empty() && !has_format) {
    return UsageError("--uidl-format is for --from dovecot and --from cyrus");
  }
  if (options.uidvalidity != 0 && options.from != "cyrus") {
    return UsageError("--uidvalidity is for --from cyrus");
  }
  if (options.from == "dovecot") return ReadDovecot(options.path, options.uidl_format);
  if (options.from == "courier") return ReadCourier(options.path);
  if (options.from == "cyrus") {
    return ReadCyrus(options.path, options.uidl_format, options.uidvalidity);
  }
  return ReadMaildir(options.path);
}

absl::StatusOr<v1::RecipientResult> ImportOne(const Session& session,
                                              const ImportOptions& options,
                                              const SpoolMessage& message) {
  absl::StatusOr<InputFile> file = InputFile::Open(message.path, session.in());
  if (!file.ok()) return file.status();
  v1::Envelope envelope;
  envelope.add_recipients(options.address);
  envelope.set_declared_octets(file->size());
  // An id has at most 255 octets, as many as a file's name: its end tells it apart.
  std::string id = absl::StrCat("import ", options.from, " ", message.id);
  if (id.size() > 255) id = id.substr(id.size() - 255);
  envelope.set_delivery_id(std::move(id));
  envelope.mutable_client()->set_protocol("restantectl");
  v1::MessageProperties& properties = *envelope.mutable_properties();
  properties.set_uidl(message.uidl);
  for (const std::string& flag : message.flags) properties.add_flags(flag);
  const int64_t seconds = absl::ToUnixSeconds(message.received);
  properties.mutable_internal_date()->set_seconds(seconds);
  properties.mutable_internal_date()->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(message.received - absl::FromUnixSeconds(seconds))));
  absl::StatusOr<v1::DeliverResponse> delivered = Upload(session, &*file, std::move(envelope));
  if (!delivered.ok()) return delivered.status();
  if (delivered->results_size() != 1) {
    return RefusedError("the service's answer doesn't fit the recipient");
  }
  const absl::Status status = FromRpcStatus(delivered->results(0).status());
  if (!status.ok()) return status;
  return delivered->results(0);
}

// What every further message would meet as well.
bool IsFinal(const absl::Status& status) {
  const v1::ErrorReason reason = ReasonOf(status);
  return reason == v1::ERROR_REASON_NO_SUCH_ACCOUNT || reason == v1::ERROR_REASON_BAD_ADDRESS ||
         reason == v1::ERROR_REASON_STORE_FULL || ExitCodeOf(status) == kUnreachable;
}

absl::Status Import(const Session& session, const ImportOptions& options) {
  const absl::StatusOr<Spool> spool = ReadSpool(options);
  if (!spool.ok()) return spool.status();
  for (const std::string& note : spool->notes) session.Complain(absl::StrCat("note: ", note));

  uint64_t imported = 0;
  Json replaced = Json::array();
  Json failed = Json::array();
  absl::Status final_failure;
  for (const SpoolMessage& message : spool->messages) {
    const absl::StatusOr<v1::RecipientResult> result = ImportOne(session, options, message);
    if (!result.ok()) {
      if (IsFinal(result.status())) {
        final_failure = result.status();
        break;
      }
      const std::string why = ErrorLine(result.status(), "");
      session.Complain(absl::StrCat(message.path, ": ", why));
      failed.push_back({{"file", message.path}, {"error", why}});
      continue;
    }
    ++imported;
    if (!result->uidl_replaced()) continue;
    session.Complain(absl::StrCat(message.path, ": the UIDL ", message.uidl,
                                  " is illegal or another message's; it is ", result->uidl(),
                                  " now"));
    replaced.push_back(
        {{"file", message.path}, {"wanted", message.uidl}, {"uidl", result->uidl()}});
  }

  const size_t replaced_count = replaced.size();
  const size_t failed_count = failed.size();
  if (session.json()) {
    session.PrintJson({{"messages", spool->messages.size()},
                       {"imported", imported},
                       {"replaced", std::move(replaced)},
                       {"failed", std::move(failed)}});
  } else {
    session.out() << "Imported " << imported << " of " << spool->messages.size()
                  << (spool->messages.size() == 1 ? " message" : " messages");
    if (replaced_count > 0) session.out() << ", " << replaced_count << " with a new UIDL";
    session.out() << ".\n";
  }
  if (!final_failure.ok()) return final_failure;
  if (failed_count == 0) return absl::OkStatus();
  return RefusedError(
      absl::StrCat(failed_count, " of ", spool->messages.size(), " messages weren't imported"));
}

}  // namespace

void AddMailImportCommand(CLI::App* app, Action* action) {
  CLI::App* verb = app->add_subcommand(
      "import",
      "Bring another server's INBOX into an account, from its files.\n"
      "Dates, flags and UIDLs are kept, so no client fetches a message again. A UIDL that is\n"
      "illegal, or that another message has, is replaced, and the line on standard error\n"
      "names the file. Stop the old server first. A repetition within a week stores nothing\n"
      "twice.");
  const auto options = std::make_shared<ImportOptions>();
  verb->add_option("--from", options->from, "Whose files they are")
      ->required()
      ->check(CLI::IsMember({"dovecot", "courier", "cyrus", "maildir"}));
  verb->add_option("PATH", options->path,
                   "The Maildir, or the directory of Cyrus' spool with the user's INBOX")
      ->required();
  verb->add_option("--to", options->address, "The account")->type_name("ADDRESS")->required();
  verb->add_option("--uidl-format", options->uidl_format,
                   "The old server's pop3_uidl_format (Dovecot, default: %08Xu%08Xv) or "
                   "uidl_format (Cyrus, default: cyrus)")
      ->type_name("FORMAT");
  verb->add_option("--uidvalidity", options->uidvalidity,
                   "The INBOX's UIDVALIDITY at Cyrus, as its mbexamine shows it")
      ->type_name("NUMBER");
  verb->callback([action, options] {
    *action = [options](Session& session) { return Import(session, *options); };
  });
}

}  // namespace restante::ctl
