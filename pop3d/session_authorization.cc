// The AUTHORIZATION state: RFC 1939, section 4; STLS by RFC 2595, section 4; AUTH
// by RFC 5034.
#include <utility>

#include "absl/strings/match.h"
#include "common/errors.h"
#include "common/net.h"
#include "pop3d/capabilities.h"
#include "pop3d/replies.h"
#include "pop3d/sasl_plain.h"
#include "pop3d/session.h"
#include "pop3d/utf8.h"

namespace restante::pop3 {
namespace {

// Rows that the answer to a login brings along; most maildrops have fewer.
constexpr uint32_t kFirstRows = 64;

constexpr absl::string_view kNeedsTls =
    "Passwords are not accepted without TLS; use STLS, or the port for POP3 over TLS.";

// The client is told to ask for another password (RFC 3206, section 4).
bool IsWrongCredentials(const absl::Status& status) {
  return ReplyFor(status).pop3_code == "[AUTH] ";
}

asio::awaitable<void> PauseUntil(Deadlines& deadlines, TimePoint when) {
  if (deadlines.Now() >= when) co_return;
  Wakeup wakeup;
  Deadline deadline(deadlines, [&] { wakeup.Notify(); });
  deadline.Set(when);
  co_await wakeup.Wait();
}

}  // namespace

asio::awaitable<void> Session::AuthorizationCommand() {
  const std::optional<Command> command = co_await NextCommand(LineLimit::kCommandOrAuth);
  if (!command.has_value()) co_return;
  const absl::string_view argument = command->argument;
  const bool bare = argument.empty();
  switch (command->verb) {
    case Verb::kUser:
      User(argument);
      break;
    case Verb::kPass:
      co_await Pass(std::string(argument));
      break;
    case Verb::kAuth:
      co_await Auth(std::string(argument));
      break;
    case Verb::kStls:
      if (bare) {
        co_await Stls();
      } else {
        AppendError("STLS takes no argument.", &out());
      }
      break;
    case Verb::kCapa:
      if (bare) {
        Capa();
      } else {
        AppendError("CAPA takes no argument.", &out());
      }
      break;
    case Verb::kQuit:
      if (bare) {
        AppendOk("Bye.", &out());
        Close("Disconnected: Quit");
        co_await connection_.Flush();
      } else {
        AppendError("QUIT takes no argument.", &out());
      }
      break;
    case Verb::kApop:
    case Verb::kUnknown:
      AppendError("Unknown command.", &out());
      break;
    default:
      AppendError("Log in first.", &out());
      break;
  }
}

bool Session::PasswordsAllowed() const {
  return connection_.secure() || environment_.settings.allow_cleartext_passwords;
}

void Session::Capa() {
  AppendCapabilities(environment_.settings,
                     {.stls = state_ == State::kAuthorization && environment_.tls != nullptr &&
                              !connection_.secure(),
                      .passwords = PasswordsAllowed()},
                     &out());
}

void Session::User(absl::string_view argument) {
  user_.clear();
  const std::optional<absl::string_view> name = OneArgument(argument);
  if (!PasswordsAllowed()) {
    AppendError(kNeedsTls, &out());
  } else if (!name.has_value()) {
    AppendError("USER takes one argument, the name.", &out());
  } else {
    user_ = std::string(*name);
    // The same for every name: whether there is such a user isn't told.
    AppendOk("Send PASS.", &out());
  }
}

asio::awaitable<void> Session::Pass(std::string password) {
  std::string user = std::exchange(user_, {});
  if (!PasswordsAllowed()) {
    AppendError(kNeedsTls, &out());
  } else if (user.empty()) {
    AppendError("USER goes before PASS.", &out());
  } else if (password.empty()) {
    AppendError("PASS takes the password.", &out());
  } else {
    co_await LogIn(std::move(user), std::move(password), "PLAIN");
  }
}

asio::awaitable<void> Session::Auth(std::string argument) {
  user_.clear();
  if (argument.empty()) {
    AppendOk("Mechanisms follow.", &out());
    if (PasswordsAllowed()) out().append("PLAIN\r\n");
    AppendEnd(&out());
    co_return;
  }
  const size_t space = argument.find(' ');
  const absl::string_view mechanism = absl::string_view(argument).substr(0, space);
  if (!absl::EqualsIgnoreCase(mechanism, "PLAIN")) {
    AppendError("Unknown mechanism.", &out());
    co_return;
  }
  if (!PasswordsAllowed()) {
    AppendError(kNeedsTls, &out());
    co_return;
  }
  std::optional<std::string> response;
  if (space != argument.npos) {
    response = argument.substr(space + 1);
    // An initial response of no octets at all (RFC 5034, section 4).
    if (*response == "=") response->clear();
  } else {
    response = co_await SaslResponse();
    if (!response.has_value()) co_return;
  }
  if (response->size() > kSaslResponseOctets) {
    AppendError("Response too long.", &out());
    co_return;
  }
  absl::StatusOr<PlainCredentials> credentials = ParsePlain(*response);
  if (absl::IsPermissionDenied(credentials.status())) {
    AppendError("[AUTH] ", "Acting for another user is not supported.", &out());
  } else if (!credentials.ok()) {
    AppendError("This is not a PLAIN response in base64.", &out());
  } else {
    co_await LogIn(std::move(credentials->user), std::move(credentials->password), "PLAIN");
  }
}

asio::awaitable<std::optional<std::string>> Session::SaslResponse() {
  // The challenge is empty, and still has its space.
  out().append("+ \r\n");
  const std::optional<Line> line = co_await NextLine(LineLimit::kSaslResponse);
  if (!line.has_value()) co_return std::nullopt;
  if (line->kind == Line::Kind::kTooLong) {
    AppendError("Response too long.", &out());
    co_return std::nullopt;
  }
  if (line->text == "*") {
    AppendError("Authentication cancelled.", &out());
    co_return std::nullopt;
  }
  co_return std::string(line->text);
}

asio::awaitable<void> Session::LogIn(std::string user, std::string password,
                                     absl::string_view method) {
  const TimePoint arrival = environment_.link.deadlines().Now();
  ++attempts_;
  identity_.user = user;
  identity_.method = method;
  if (!IsUtf8(user) || !IsUtf8(password)) {
    // No account has such a name or password.
    absl::Status status = MakeError(v1::ERROR_REASON_BAD_CREDENTIALS, "not UTF-8");
    co_await RefuseLogin(std::move(status), arrival);
    co_return;
  }
  v1::LoginRequest request;
  request.set_address(std::move(user));
  request.set_password(std::move(password));
  request.set_first_rows(kFirstRows);
  v1::ClientInfo& client = *request.mutable_client();
  client.set_remote_address(FormatAddress(identity_.remote));
  client.set_protocol("pop3");
  client.set_tls(connection_.secure());
  client.set_request_id(identity_.id);
  absl::StatusOr<LinkPort::OpenedMaildrop> opened =
      co_await environment_.link.Login(std::move(request));
  if (!opened.ok()) {
    co_await RefuseLogin(opened.status(), arrival);
    co_return;
  }
  identity_.user = opened->response.session().address();
  maildrop_ = std::make_unique<Maildrop>(environment_.link, *std::move(opened), connection_);
  counters_.messages = maildrop_->list.count();
  counters_.octets = maildrop_->list.octets();
  LogLogin(identity_);
  AppendOk("Logged in.", &out());
  state_ = State::kTransaction;
  connection_.SetTimeout(environment_.settings.transaction_timeout);
}

asio::awaitable<void> Session::RefuseLogin(absl::Status status, TimePoint arrival) {
  if (!IsWrongCredentials(status)) {
    if (ReplyFor(status).pop3_code == kSysTempCode) {
      LogSessionError(identity_, "Login refused, the storage service failed", status);
    }
    AppendError(status, &out());
    co_return;
  }
  // Replies to earlier commands needn't wait, and the time is counted from the
  // arrival: how long the service took to find out can't be seen.
  const bool flushed = co_await connection_.Flush();
  if (!flushed) co_return;
  co_await PauseUntil(environment_.link.deadlines(),
                      arrival + environment_.settings.failed_login_delay);
  connection_.Touch();
  AppendError(status, &out());
  if (++failed_logins_ >= environment_.settings.max_failed_logins) {
    Close("Disconnected: Too many failed logins", /*gently=*/true);
  }
}

asio::awaitable<void> Session::Stls() {
  if (connection_.secure()) {
    AppendError("TLS is active already.", &out());
    co_return;
  }
  if (environment_.tls == nullptr) {
    AppendError("TLS is not available.", &out());
    co_return;
  }
  // What stands behind STLS in the clear could have been put there by anybody, to
  // be taken for the client's own words under TLS.
  if (connection_.input().InsideLine()) {
    AppendError("Nothing may follow STLS before the handshake.", &out());
    Close("Disconnected: Octets in the clear behind STLS", /*gently=*/true);
    co_return;
  }
  AppendOk("Begin TLS negotiation.", &out());
  bool secured = co_await connection_.Flush();
  if (secured) secured = co_await connection_.StartTls(environment_.tls);
  if (!secured) {
    Close("Disconnected: TLS handshake failed");
    co_return;
  }
  identity_.tls = true;
  user_.clear();
}

}  // namespace restante::pop3
