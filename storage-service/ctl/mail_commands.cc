#include "storage-service/ctl/mail_commands.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/errors.h"
#include "common/grpc_status.h"
#include "restante/v1/mailboxes.grpc.pb.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/format.h"
#include "storage-service/ctl/table.h"
#include "storage-service/ctl/undelete_commands.h"
#include "storage-service/ctl/verb.h"

namespace restante::ctl {
namespace {

using v1::MailboxesService;

struct MailOptions {
  std::string address;
  std::string mailbox;
  uint32_t uid = 0;
  bool raw = false;
  std::string special_use;
};

absl::Status Status(const Session& session, const MailOptions& options) {
  v1::ListMailboxesRequest request;
  request.set_address(options.address);
  v1::ListMailboxesResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(MailboxesService::NewStub(session.channel())
                         ->ListMailboxes(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    Json mailboxes = Json::array();
    for (const v1::MailboxStatus& mailbox : response.mailboxes()) {
      mailboxes.push_back(ToJson(mailbox));
    }
    session.PrintJson({{"mailboxes", std::move(mailboxes)}});
    return absl::OkStatus();
  }
  Table table({{"MAILBOX"},
               {"MESSAGES", Table::Align::kRight},
               {"SIZE", Table::Align::kRight},
               {"UIDNEXT", Table::Align::kRight},
               {"UIDVALIDITY", Table::Align::kRight},
               {"MODSEQ", Table::Align::kRight},
               {"ID"}});
  for (const v1::MailboxStatus& mailbox : response.mailboxes()) {
    table.Add({mailbox.name(), absl::StrCat(mailbox.message_count()),
               FormatOctets(mailbox.octets()), absl::StrCat(mailbox.uid_next()),
               absl::StrCat(mailbox.uidvalidity()), absl::StrCat(mailbox.highest_modseq()),
               mailbox.mailbox_id()});
  }
  table.Print(session.out());
  return absl::OkStatus();
}

absl::Status Create(const Session& session, const MailOptions& options) {
  v1::CreateMailboxRequest request;
  request.set_address(options.address);
  request.set_mailbox(options.mailbox);
  if (!options.special_use.empty()) {
    // A backslash is a nuisance in a shell.
    const bool whole = absl::StartsWith(options.special_use, "\\");
    request.add_special_use(absl::StrCat(whole ? "" : "\\", options.special_use));
  }
  v1::CreateMailboxResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(MailboxesService::NewStub(session.channel())
                         ->CreateMailbox(context.get(), request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(ToJson(response.status()));
  } else {
    session.out() << Printable(options.address) << " has a mailbox "
                  << Printable(response.status().name()) << " now.\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ListMessagesResponse> Rows(const Session& session,
                                              const MailOptions& options, uint32_t after_uid,
                                              uint32_t limit) {
  v1::ListMessagesRequest request;
  request.set_address(options.address);
  request.set_mailbox(options.mailbox);
  request.set_after_uid(after_uid);
  request.set_limit(limit);
  v1::ListMessagesResponse response;
  const auto context = session.ShortCall();
  const absl::Status status =
      FromGrpcStatus(MailboxesService::NewStub(session.channel())
                         ->ListMessages(context.get(), request, &response));
  if (!status.ok()) return status;
  return response;
}

absl::Status List(const Session& session, const MailOptions& options) {
  Json messages = Json::array();
  Table table({{"UID", Table::Align::kRight},
               {"SIZE", Table::Align::kRight},
               {"RECEIVED"},
               {"FLAGS"},
               {"UIDL"}});
  uint32_t after_uid = 0;
  for (bool end = false; !end;) {
    const auto page = Rows(session, options, after_uid, 0);
    if (!page.ok()) return page.status();
    for (const v1::MessageRow& row : page->rows()) {
      after_uid = row.uid();
      if (session.json()) {
        messages.push_back(ToJson(row));
      } else {
        table.Add({absl::StrCat(row.uid()), FormatOctets(row.octets()),
                   FormatTime(row.internal_date()), absl::StrJoin(row.flags(), " "),
                   row.uidl()});
      }
    }
    end = page->end() || page->rows().empty();
  }
  if (session.json()) {
    session.PrintJson({{"messages", std::move(messages)}});
  } else {
    table.Print(session.out());
  }
  return absl::OkStatus();
}

// Reads one part of a message and gives its pieces to `take`.
absl::Status Fetch(const Session& session, const MailOptions& options, v1::ReadPart part,
                   const std::function<void(const std::string&)>& take) {
  v1::FetchMessagesRequest request;
  request.set_address(options.address);
  request.set_mailbox(options.mailbox);
  part.set_uid(options.uid);
  *request.add_parts() = std::move(part);
  const auto context = session.LongCall();
  const auto stub = MailboxesService::NewStub(session.channel());
  const auto reader = stub->FetchMessages(context.get(), request);
  v1::FetchMessagesResponse response;
  absl::Status failure;
  bool whole = false;
  while (reader->Read(&response)) {
    for (const v1::ReadPiece& piece : response.pieces()) {
      if (piece.has_error()) {
        failure = FromRpcStatus(piece.error());
        continue;
      }
      take(piece.data());
      whole = whole || piece.last();
    }
  }
  const absl::Status status = FromGrpcStatus(reader->Finish());
  if (!status.ok()) return status;
  if (!failure.ok()) return failure;
  return whole ? absl::OkStatus() : RefusedError("the message ended too early");
}

absl::Status ShowRaw(const Session& session, const MailOptions& options) {
  return Fetch(session, options, v1::ReadPart(),
               [&session](const std::string& data) { session.out() << data; });
}

absl::Status Show(const Session& session, const MailOptions& options) {
  if (options.raw) {
    if (session.json()) return UsageError("--raw and --json exclude each other");
    return ShowRaw(session, options);
  }
  std::string header;
  v1::ReadPart part;
  part.mutable_top()->set_body_lines(0);
  const absl::Status fetched = Fetch(session, options, std::move(part),
                                     [&](const std::string& data) { header += data; });
  if (!fetched.ok()) return fetched;
  const auto page = Rows(session, options, options.uid - 1, 1);
  if (!page.ok()) return page.status();
  if (page->rows().empty() || page->rows(0).uid() != options.uid) {
    return MakeError(v1::ERROR_REASON_NO_SUCH_MESSAGE,
                     absl::StrCat("there is no message with UID ", options.uid));
  }
  const v1::MessageRow& row = page->rows(0);
  header = absl::StrReplaceAll(header, {{"\r\n", "\n"}});
  if (session.json()) {
    Json json = ToJson(row);
    json["header"] = header;
    session.PrintJson(json);
    return absl::OkStatus();
  }
  session.out() << "UID " << row.uid() << ", " << FormatOctets(row.octets())
                << " octets, received " << FormatTime(row.internal_date()) << ", UIDL "
                << Printable(row.uidl());
  if (row.flags_size() > 0) {
    session.out() << ", flags " << Printable(absl::StrJoin(row.flags(), " "));
  }
  session.out() << "\n\n" << Printable(header, "\n\t");
  return absl::OkStatus();
}

}  // namespace

void AddMailCommands(CLI::App* app, Action* action) {
  const auto options = std::make_shared<MailOptions>();
  CLI::App* mailboxes =
      app->add_subcommand("mailboxes", "Look at an account's mailboxes, or make one");
  mailboxes->require_subcommand(1);
  AddAccountVerb(mailboxes, "status", "Show what an account's mailboxes hold", action, options,
                 Status);
  CLI::App* create = AddAccountVerb(mailboxes, "create", "Make a mailbox, and those above it",
                                    action, options, Create);
  create->add_option("MAILBOX", options->mailbox, "Its name; levels are divided by /")
      ->required();
  create
      ->add_option("--special-use", options->special_use,
                   "What it is for: Junk, Archive, Sent, Drafts, Trash, … (RFC 6154)")
      ->type_name("USE");

  CLI::App* messages = app->add_subcommand("messages", "Look at an account's messages");
  messages->require_subcommand(1);
  CLI::App* list =
      AddAccountVerb(messages, "list", "List the messages of a mailbox", action, options, List);
  CLI::App* show =
      AddAccountVerb(messages, "show", "Show one message: what is known of it, and its header",
                     action, options, Show);
  show->add_option("UID", options->uid, "The message's UID, as `messages list` shows it")
      ->required()
      ->check(CLI::Range(uint32_t{1}, UINT32_MAX));
  show->add_flag("--raw", options->raw,
                 "The whole message instead, octet by octet as it is stored");
  for (CLI::App* verb : {list, show}) {
    verb->add_option("--mailbox", options->mailbox, "The mailbox (default: INBOX)")
        ->type_name("NAME");
  }
  AddUndeleteCommands(messages, action);
}

}  // namespace restante::ctl
