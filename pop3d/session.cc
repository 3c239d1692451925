#include "pop3d/session.h"

#include <utility>

#include "common/errors.h"
#include "pop3d/faults.h"
#include "pop3d/replies.h"

namespace restante::pop3 {

Session::Maildrop::Maildrop(LinkPort& link, LinkPort::OpenedMaildrop opened,
                            Connection& connection)
    : link(link),
      connection(connection),
      held(std::move(opened.held)),
      list(*this, opened.response.session(), opened.response.rows()),
      marks(list.count()),
      remembers_retrieval(!opened.response.session().has_remembers_retrieval() ||
                          opened.response.session().remembers_retrieval()),
      takes_retrievals(opened.response.session().has_remembers_retrieval()),
      tell_due(link.deadlines(), [this] { TellRetrieved(); }),
      policy(opened.response.session().has_announcement()
                 ? opened.response.session().announcement()
                 : link.announcement()),
      transfer(connection, link, *held) {}

asio::awaitable<absl::StatusOr<v1::RowsResponse>> Session::Maildrop::Rows(uint32_t after_uid,
                                                                          uint32_t limit) {
  return link.Rows(*held, after_uid, limit);
}

Session::Session(const SessionEnvironment& environment, asio::ip::tcp::socket socket,
                 Arrival arrival, SessionIdentity identity)
    : environment_(environment),
      connection_(std::move(socket), environment.link.deadlines(), environment.settings.lines),
      arrival_(std::move(arrival)),
      identity_(std::move(identity)),
      start_(environment.link.deadlines().Now()) {
  const Keepalive& keepalive = environment_.settings.keepalive;
  if (keepalive.idle.count() != 0) {
    connection_.WatchHost(keepalive.idle + keepalive.interval * keepalive.probes);
  }
}

asio::awaitable<void> Session::Run() {
  co_await Greet();
  while (state_ == State::kAuthorization || state_ == State::kTransaction) {
    if (state_ == State::kAuthorization) {
      co_await AuthorizationCommand();
    } else {
      co_await TransactionCommand();
    }
    if (refused_ == refused_before_) refused_ = 0;
  }
  if (state_ == State::kUpdate) co_await Update();
  co_await End();
}

asio::awaitable<std::optional<Line>> Session::NextLine(LineLimit limit) {
  while (true) {
    // What came behind the last word isn't carried out.
    if (connection_.closed()) break;
    const Line line = connection_.input().Next(limit);
    if (line.kind != Line::Kind::kNone) {
      line_octets_ = line.octets;
      connection_.Touch();
      if (out().size() >= connection_.full_output() || On(Fault::kReplyPerWrite)) {
        const bool flushed = co_await connection_.Flush();
        if (!flushed) break;
      }
      co_return line;
    }
    // Nothing more to answer now: all replies leave together.
    const bool flushed = co_await connection_.Flush();
    if (!flushed) break;
    between_replies_ = true;
    const bool received = co_await connection_.Receive();
    between_replies_ = false;
    if (!received) break;
  }
  if (connection_.timed_out()) {
    Hit(state_ == State::kAuthorization ? Limit::kTimeBeforeLogin : Limit::kTimeInSession);
  }
  Close(connection_.host_is_gone() ? "Connection closed: No answer from the client's host"
        : !connection_.timed_out() ? "Connection closed"
        : connection_.past_end()   ? "Disconnected: Time is up"
                                   : "Disconnected for inactivity");
  co_return std::nullopt;
}

asio::awaitable<std::optional<Command>> Session::NextCommand(LineLimit limit) {
  while (true) {
    const std::optional<Line> line = co_await NextLine(limit);
    if (!line.has_value()) co_return std::nullopt;
    if (line->kind == Line::Kind::kLine) {
      refused_before_ = refused_;
      co_return ParseCommand(line->text);
    }
    if (On(Fault::kEchoesInput)) out().append("-ERR Too long: ").append(600, 'x');
    RefuseLength(Text::kLineTooLong);
    if (state_ == State::kClosed) co_return std::nullopt;
  }
}

void Session::Close(absl::string_view reason, bool gently) {
  state_ = State::kClosed;
  close_gently_ = close_gently_ || gently;
  if (end_reason_.empty()) end_reason_ = reason;
}

void Session::Refuse(Text text, absl::string_view code) {
  const Settings& settings = environment_.settings;
  const uint32_t most = state_ == State::kAuthorization ? settings.max_bad_commands_before_login
                                                        : settings.max_bad_commands;
  if (++refused_ < most) {
    AppendError(code, TextIn(language_, text), &out());
  } else {
    Hit(Limit::kBadCommands);
    TellAndClose(kSysPermCode, Text::kTooManyWrongCommands,
                 "Disconnected: Too many wrong commands");
  }
}

void Session::RefuseLength(Text text) {
  Hit(Limit::kLineLength);
  Refuse(text, kSysPermCode);
}

void Session::TellAndClose(absl::string_view code, Text text, absl::string_view reason) {
  Fail(code, text);
  Close(reason, /*gently=*/true);
}

asio::awaitable<void> Session::End() {
  if (On(Fault::kDropDeletes) && maildrop_ != nullptr) co_await Update();
  if (maildrop_ != nullptr) {
    LogEnd(identity_, end_reason_, counters_);
    // Frees the lock before the client can see the end of the connection.
    CloseMaildrop();
    maildrop_.reset();
  } else if (!quiet_) {
    LogNoLogin(identity_, end_reason_, attempts_, failed_logins_,
               environment_.link.deadlines().Now() - start_);
  }
  if (close_gently_ && !connection_.closed()) {
    const bool flushed = co_await connection_.Flush();
    if (!flushed) connection_.Close();
  }
  if (close_gently_) co_await connection_.CloseGently();
  connection_.Close();
}

void Session::TellAtOnceAndEnd(absl::string_view reason) {
  end_reason_ = reason;
  close_gently_ = true;
  connection_.EndOutput();
}

void Session::EndForShutdown() {
  if (state_ == State::kUpdate || state_ == State::kClosed || connection_.closed()) return;
  constexpr absl::string_view kReason = "Server is shutting down";
  // Inside a response an error would be taken for a part of it.
  if (!between_replies_) {
    end_reason_ = kReason;
    connection_.Close();
    return;
  }
  Fail(kSysTempCode, Text::kShuttingDown);
  TellAtOnceAndEnd(kReason);
}

void Session::EndAtOnce() {
  EndForShutdown();
  if (state_ != State::kUpdate) connection_.Close();
}

void Session::OnMaildropLost() {
  if (!between_replies_ || state_ != State::kTransaction) return;
  Fail(maildrop_->held->status());
  TellAtOnceAndEnd("Disconnected: Lost the maildrop");
}

}  // namespace restante::pop3
