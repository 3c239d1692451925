// The AUTHORIZATION state, but for AUTH: RFC 1939, section 4; STLS by RFC 2595,
// section 4.
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "common/config.h"
#include "common/errors.h"
#include "common/net.h"
#include "pop3d/capabilities.h"
#include "pop3d/faults.h"
#include "pop3d/replies.h"
#include "pop3d/session.h"
#include "pop3d/utf8.h"

namespace restante::pop3 {
namespace {

// Rows that the answer to a login brings along; most maildrops have fewer.
constexpr uint32_t kFirstRows = 64;

// The client is told to ask for another password (RFC 3206, section 5).
bool IsWrongCredentials(const absl::Status& status) {
  return ReplyFor(status).pop3_code == kAuthCode;
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
    case Verb::kLang:
      Lang(argument);
      break;
    case Verb::kStls:
    case Verb::kCapa:
    case Verb::kUtf8:
    case Verb::kQuit:
      if (!argument.empty()) {
        Refuse(Text::kNoArgument);
      } else if (command->verb == Verb::kStls) {
        co_await Stls();
      } else if (command->verb == Verb::kCapa) {
        Capa();
      } else if (command->verb == Verb::kUtf8) {
        Utf8();
      } else {
        Ok(Text::kBye);
        Close("Disconnected: Quit");
        co_await connection_.Flush();
      }
      break;
    case Verb::kApop:
    case Verb::kUnknown:
      Refuse(Text::kUnknownCommand);
      break;
    default:
      On(Fault::kTransactionBeforeLogin) ? Ok(Text::kMarked) : Refuse(Text::kLogInFirst);
      break;
  }
}

bool Session::PasswordsAllowed() const {
  return Secure() || environment_.settings.allow_cleartext_passwords ||
         On(Fault::kPasswordsInTheClear);
}

CapabilityState Session::Capabilities() const {
  return {.stls = state_ == State::kAuthorization && environment_.tls != nullptr && !Secure(),
          .passwords = PasswordsAllowed(),
          .certificate = connection_.has_certificate(),
          .logged_in = maildrop_ != nullptr,
          .policy = maildrop_ != nullptr ? maildrop_->policy : environment_.link.announcement(),
          .language = language_};
}

void Session::Capa() { AppendCapabilities(environment_.settings, Capabilities(), &out()); }

void Session::User(absl::string_view argument) {
  user_.clear();
  const std::optional<absl::string_view> name = OneArgument(argument);
  if (!PasswordsAllowed()) {
    Refuse(Text::kNeedsTls);
  } else if (!name.has_value()) {
    Refuse(Text::kUserTakesName);
  } else {
    user_ = std::string(*name);
    // The same for every name: whether there is such a user isn't told.
    Ok(Text::kSendPass);
  }
}

asio::awaitable<void> Session::Pass(std::string password) {
  std::string user = On(Fault::kPassWithoutUserAgain) ? user_ : std::exchange(user_, {});
  if (!PasswordsAllowed()) {
    Refuse(Text::kNeedsTls);
  } else if (user.empty()) {
    Refuse(Text::kUserBeforePass);
  } else if (password.empty()) {
    Refuse(Text::kPassTakesPassword);
  } else {
    v1::LoginRequest request;
    request.set_address(std::move(user));
    request.set_password(std::move(password));
    co_await LogIn(std::move(request), "PLAIN");
  }
}

asio::awaitable<void> Session::LogIn(v1::LoginRequest request, absl::string_view method) {
  const TimePoint arrival = environment_.link.deadlines().Now();
  const Settings& settings = environment_.settings;
  ++attempts_;
  identity_.user = request.address();
  identity_.method = method;
  if (!IsUtf8(request.address()) || !IsUtf8(request.password())) {
    // No account has such a name or password (RFC 6856, section 2.2).
    absl::Status status = MakeError(v1::ERROR_REASON_BAD_CREDENTIALS, "not UTF-8");
    co_await RefuseLogin(std::move(status), arrival);
    co_return;
  }
  // A user who has as many sessions as there may be takes the maildrop from none of
  // them and waits for none. The password is checked all the same: [IN-USE] says that it
  // was right (RFC 2449, section 8.1.2), and who only tries some isn't counted.
  const bool room = environment_.limits.users.HasRoom(request.address());
  const bool waits = room && settings.lock_wait > TimeSpan(0);
  request.set_first_rows(kFirstRows);
  v1::ClientInfo& client = *request.mutable_client();
  client.set_remote_address(FormatAddress(identity_.remote));
  client.set_protocol("pop3");
  client.set_tls(Secure());
  client.set_request_id(identity_.id);
  if (utf8_) request.mutable_options()->set_utf8(true);
  if (room && settings.take_over) request.mutable_options()->set_take_over(true);
  if (waits) {
    *request.mutable_options()->mutable_lock_wait() =
        ToProto(absl::FromChrono(settings.lock_wait));
    // A client that waits for the lock isn't silent.
    connection_.SetTimeout(settings.authorization_timeout + settings.lock_wait);
    // Replies to earlier commands needn't wait for it.
    const bool flushed = co_await connection_.Flush();
    if (!flushed) co_return;
  }
  between_replies_ = true;
  LoginControl control;
  std::optional<Connection::EndWatch> watch;
  // A client that has gone mustn't take the maildrop from one that is there.
  if (waits) watch.emplace(connection_, [&control] { control.Cancel(); });
  absl::StatusOr<LinkPort::OpenedMaildrop> opened =
      co_await environment_.link.Login(std::move(request), &control);
  watch.reset();
  between_replies_ = false;
  if (control.cancelled()) {
    Close("Connection closed");
    co_return;
  }
  if (!opened.ok()) {
    if (!room && ReplyFor(opened.status()).pop3_code == kInUseCode) {
      RefuseSessionOfUser();
    } else {
      co_await RefuseLogin(opened.status(), arrival);
    }
    co_return;
  }
  identity_.user = opened->response.session().address();
  if (!environment_.limits.users.Enter(identity_.user, &user_ticket_)) {
    // The lock goes with `opened`.
    RefuseSessionOfUser();
    co_return;
  }
  maildrop_ = std::make_unique<Maildrop>(environment_.link, *std::move(opened), connection_);
  maildrop_->held->OnLost([this] { OnMaildropLost(); });
  counters_.messages = maildrop_->list.count();
  counters_.octets = maildrop_->list.octets();
  LogLogin(identity_);
  Ok(Text::kLoggedIn);
  state_ = State::kTransaction;
  connection_.SetTimeout(settings.transaction_timeout);
  connection_.SetEnd(settings.session_timeout > TimeSpan(0)
                         ? environment_.link.deadlines().Now() + settings.session_timeout
                         : TimePoint::max());
}

void Session::RefuseSessionOfUser() {
  Hit(Limit::kSessionsOfUser);
  Fail(kInUseCode, Text::kTooManyOfUser);
}

asio::awaitable<void> Session::RefuseLogin(absl::Status status, TimePoint arrival) {
  connection_.SetTimeout(environment_.settings.authorization_timeout);
  if (!IsWrongCredentials(status)) {
    if (ReplyFor(status).pop3_code == kSysTempCode) {
      LogSessionError(identity_, "Login refused, the storage service failed", status);
    }
    Fail(status);
    co_return;
  }
  // Replies to earlier commands needn't wait, and the time is counted from the
  // arrival: how long the service took to find out can't be seen.
  const bool flushed = co_await connection_.Flush();
  if (!flushed) co_return;
  co_await PauseUntil(environment_.link.deadlines(),
                      arrival + environment_.settings.failed_login_delay);
  connection_.Touch();
  Fail(status);
  if (++failed_logins_ >= environment_.settings.max_failed_logins) {
    Hit(Limit::kFailedLogins);
    Close("Disconnected: Too many failed logins", /*gently=*/true);
  }
}

asio::awaitable<void> Session::Stls() {
  if (Secure()) {
    Refuse(Text::kTlsActive);
    co_return;
  }
  if (environment_.tls == nullptr) {
    Refuse(Text::kNoTls);
    co_return;
  }
  // A client must not say STLS after UTF8 (RFC 6856, section 2.1); and what was said
  // in the clear can't hold under TLS.
  if (utf8_) {
    Refuse(Text::kStlsAfterUtf8);
    co_return;
  }
  // What stands behind STLS in the clear could have been put there by anybody, to
  // be taken for the client's own words under TLS.
  if (connection_.input().InsideLine() && !On(Fault::kStlsTakesClearText)) {
    Refuse(Text::kBehindStls);
    Close("Disconnected: Octets in the clear behind STLS", /*gently=*/true);
    co_return;
  }
  Ok(Text::kBeginTls);
  const bool flushed = co_await connection_.Flush();
  if (!flushed) {
    Close("Connection closed");
    co_return;
  }
  const bool secured = co_await Handshake();
  if (!secured) co_return;
  if (!On(Fault::kStlsKeepsUser)) user_.clear();
  language_ = Language::kDefault;
}

}  // namespace restante::pop3
