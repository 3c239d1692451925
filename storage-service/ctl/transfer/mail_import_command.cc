#include "storage-service/ctl/transfer/mail_import_command.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/import_file.h"
#include "storage-service/ctl/secret_input.h"
#include "storage-service/ctl/transfer/cyrus_source.h"
#include "storage-service/ctl/transfer/imap_source.h"
#include "storage-service/ctl/transfer/mail_import.h"
#include "storage-service/ctl/transfer/maildir_source.h"
#include "storage-service/ctl/transfer/mbox_source.h"
#include "storage-service/ctl/transfer/net_stream.h"
#include "storage-service/ctl/transfer/pop3_source.h"

namespace restante::ctl {
namespace {

struct ImportOptions {
  std::string from;
  std::string place;
  ImportPlan plan;
  std::string uidl_format;
  uint32_t uidvalidity = 0;
  bool dates_from_names = false;
  std::string into;
  std::string quoting;
  bool keep_status_fields = false;
  MailServer server;
  std::string tls;
  std::string password_file;
  bool password_stdin = false;
  bool take_any_certificate = false;
};

bool IsServerKind(const std::string& from) { return from == "pop3" || from == "imap"; }

bool IsMaildirKind(const std::string& from) {
  return from == "maildir" || from == "dovecot" || from == "courier";
}

// Options that mean nothing for this kind of source are mistakes.
absl::Status CheckOptions(const ImportOptions& options) {
  const std::string& from = options.from;
  if (!options.uidl_format.empty() && from != "dovecot" && from != "cyrus" && from != "imap") {
    return UsageError("--uidl-format is for --from dovecot, cyrus and imap");
  }
  if (options.uidvalidity != 0 && from != "cyrus") {
    return UsageError("--uidvalidity is for --from cyrus");
  }
  if (options.dates_from_names && !IsMaildirKind(from)) {
    return UsageError("--dates-from-names is for Maildirs");
  }
  if (options.plan.keep_uids && (from == "maildir" || from == "pop3")) {
    return UsageError(
        "--keep-uids: neither POP3 nor a plain Maildir has UIDs; give --from dovecot, courier, "
        "cyrus, mbox or imap");
  }
  const bool for_mbox =
      !options.into.empty() || !options.quoting.empty() || options.keep_status_fields;
  if (for_mbox && from != "mbox") {
    return UsageError("--into, --mbox-quoting and --keep-status-fields are for --from mbox");
  }
  if (from == "mbox" && !options.plan.mailboxes.empty()) {
    return UsageError("--mailbox: an mbox is one mailbox; --into says what it is called here");
  }
  if (options.plan.delete_there && from != "pop3") {
    return UsageError("--delete is for --from pop3");
  }
  const bool for_server = !options.server.user.empty() || !options.tls.empty() ||
                          !options.server.ca_file.empty() || options.take_any_certificate ||
                          options.password_stdin || !options.password_file.empty();
  if (for_server && !IsServerKind(from)) {
    return UsageError(
        "--user, --password-…, --tls, --ca-file and --no-certificate-check are for --from pop3 "
        "and --from imap");
  }
  if (IsServerKind(from) && options.server.user.empty()) {
    return UsageError("--user: who logs in at the other server?");
  }
  return absl::OkStatus();
}

// "HOST", "HOST:PORT", "[ADDRESS]:PORT".
absl::Status ParseServer(const std::string& place, const std::string& from,
                         MailServer* server) {
  std::string port;
  const size_t colon = place.rfind(':');
  server->host = place;
  if (!place.empty() && place.front() == '[') {
    const size_t end = place.find(']');
    if (end == std::string::npos) return UsageError(absl::StrCat(place, ": no ] in it"));
    server->host = place.substr(1, end - 1);
    if (end + 1 < place.size()) port = place.substr(end + 1);
    if (!port.empty()) port.erase(0, 1);
  } else if (colon != std::string::npos && place.find(':') == colon) {
    server->host = place.substr(0, colon);
    port = place.substr(colon + 1);
  }
  const bool pop3 = from == "pop3";
  uint32_t number = server->tls == TlsMode::kImplicit ? (pop3 ? 995 : 993) : (pop3 ? 110 : 143);
  if (server->host.empty() || (!port.empty() && !absl::SimpleAtoi(port, &number)) ||
      number == 0 || number > 65535) {
    return UsageError(absl::StrCat("'", place, "' is no server: give HOST or HOST:PORT"));
  }
  server->port = static_cast<uint16_t>(number);
  return absl::OkStatus();
}

absl::StatusOr<std::string> PasswordFor(const Session& session, const ImportOptions& options) {
  if (options.password_file.empty()) {
    SecretSource secret;
    secret.fd = session.in();
    secret.take_as_is = options.password_stdin;
    secret.ask_twice = false;
    secret.is_new = false;
    return ReadSecret(secret, session.err());
  }
  absl::StatusOr<std::string> text = ReadWhole(options.password_file, session.in());
  if (!text.ok()) return text;
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  if (text->empty() || absl::StrContains(*text, "\n")) {
    return RefusedError(absl::StrCat(options.password_file, " isn't one line with a password"));
  }
  return text;
}

absl::StatusOr<std::unique_ptr<MailSource>> OpenServer(const Session& session,
                                                       const ImportOptions& options) {
  MailServer server = options.server;
  if (options.tls == "starttls") server.tls = TlsMode::kStartTls;
  if (options.tls == "none") server.tls = TlsMode::kNone;
  server.check_certificate = !options.take_any_certificate;
  const absl::Status parsed = ParseServer(options.place, options.from, &server);
  if (!parsed.ok()) return parsed;
  if (server.user.find_first_of("\r\n") != std::string::npos) {
    return UsageError("--user: has a line break");
  }
  absl::StatusOr<std::string> password = PasswordFor(session, options);
  if (!password.ok()) return password.status();
  server.password = *std::move(password);
  if (options.from == "pop3") return OpenPop3(server);
  return OpenImap(server, {options.uidl_format, !options.plan.mailboxes.empty()});
}

absl::StatusOr<std::unique_ptr<MailSource>> OpenSource(const Session& session,
                                                       const ImportOptions& options) {
  if (IsServerKind(options.from)) return OpenServer(session, options);
  if (options.from == "cyrus") {
    return OpenCyrus(options.place, options.uidl_format, options.uidvalidity);
  }
  if (options.from == "mbox") {
    MboxOptions mbox;
    if (options.quoting == "mboxo") mbox.quoting = MboxQuoting::kMboxo;
    if (options.quoting == "none") mbox.quoting = MboxQuoting::kNone;
    mbox.keep_status_fields = options.keep_status_fields;
    return OpenMbox(options.place, options.into.empty() ? "INBOX" : options.into, mbox);
  }
  MaildirOptions maildir;
  if (options.from == "dovecot") maildir.server = MaildirOptions::Server::kDovecot;
  if (options.from == "courier") maildir.server = MaildirOptions::Server::kCourier;
  maildir.uidl_format = options.uidl_format;
  maildir.dates_from_names = options.dates_from_names;
  maildir.with_uids = options.plan.keep_uids;
  return OpenMaildir(options.place, std::move(maildir));
}

absl::Status Import(const Session& session, const ImportOptions& options) {
  const absl::Status legal = CheckOptions(options);
  if (!legal.ok()) return legal;
  const absl::StatusOr<std::unique_ptr<MailSource>> source = OpenSource(session, options);
  if (!source.ok()) return source.status();
  return ImportMail(session, options.plan, source->get());
}

}  // namespace

void AddMailImportCommand(CLI::App* app, Action* action) {
  CLI::App* verb = app->add_subcommand(
      "import",
      "Bring another server's mail into an account: all folders, with dates, flags and UIDLs,\n"
      "so that no client fetches a message again. What can't be taken is named on standard\n"
      "error, and the rest comes. A repetition goes on where the one before ended, and stores\n"
      "nothing twice.");
  const auto options = std::make_shared<ImportOptions>();
  verb->add_option("--from", options->from, "What the mail comes from")
      ->required()
      ->check(
          CLI::IsMember({"dovecot", "courier", "cyrus", "maildir", "mbox", "pop3", "imap"}));
  verb->add_option(
          "PLACE", options->place,
          "The Maildir, the mbox, the directory of Cyrus' spool with the user's INBOX, or "
          "HOST[:PORT] of the server")
      ->required();
  verb->add_option("--to", options->plan.address, "The account")
      ->type_name("ADDRESS")
      ->required();
  verb->add_option("--mailbox", options->plan.mailboxes,
                   "Only this mailbox, such as INBOX or Archive/2024; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  verb->add_flag("--keep-uids", options->plan.keep_uids,
                 "IMAP's UIDs and UIDVALIDITY stay; only into mailboxes that never had mail");
  verb->add_flag("--dates-from-names", options->dates_from_names,
                 "A Maildir's dates are those in the names of its files, not the files' times");
  verb->add_option("--uidl-format", options->uidl_format,
                   "The old server's pop3_uidl_format (Dovecot, default: %08Xu%08Xv) or "
                   "uidl_format (Cyrus, default: cyrus)")
      ->type_name("FORMAT");
  verb->add_option("--uidvalidity", options->uidvalidity,
                   "The INBOX's UIDVALIDITY at Cyrus, as its mbexamine shows it")
      ->type_name("NUMBER");
  verb->add_option("--into", options->into, "The mailbox that an mbox becomes (default: INBOX)")
      ->type_name("NAME");
  verb->add_option("--mbox-quoting", options->quoting,
                   "How an mbox quotes lines that begin with From (default: mboxrd)")
      ->check(CLI::IsMember({"mboxrd", "mboxo", "none"}));
  verb->add_flag("--keep-status-fields", options->keep_status_fields,
                 "An mbox's header fields with flags (Status, X-Status, X-Keywords, X-UID, "
                 "X-IMAPbase, Content-Length) stay in the messages");
  verb->add_option("--user", options->server.user, "Who logs in at a server")
      ->type_name("NAME");
  CLI::Option* file = verb->add_option("--password-file", options->password_file,
                                       "A file with the password in its only line");
  verb->add_flag("--password-stdin", options->password_stdin,
                 "Read the password from standard input (default: ask for it)")
      ->excludes(file);
  verb->add_option(
          "--tls", options->tls,
          "How a server is spoken to: TLS from the beginning (ports 995, 993), STARTTLS, "
          "or in the clear (default: implicit)")
      ->check(CLI::IsMember({"implicit", "starttls", "none"}));
  verb->add_option("--ca-file", options->server.ca_file,
                   "Certificates (PEM) of who vouches for the server (default: the system's)");
  verb->add_flag("--no-certificate-check", options->take_any_certificate,
                 "Take any certificate of the server's: who is in between can read everything");
  verb->add_flag("--delete", options->plan.delete_there,
                 "Delete at the POP3 server what is here, durably");
  verb->callback([action, options] {
    *action = [options](Session& session) { return Import(session, *options); };
  });
}

}  // namespace restante::ctl
