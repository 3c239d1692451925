#include "pop3d/session.h"

#include <utility>

#include "pop3d/replies.h"

namespace restante::pop3 {

Session::Maildrop::Maildrop(LinkPort& link, LinkPort::OpenedMaildrop opened,
                            Connection& connection)
    : link(link),
      held(std::move(opened.held)),
      list(*this, opened.response.session(), opened.response.rows()),
      transfer(connection, link, *held) {}

asio::awaitable<absl::StatusOr<v1::RowsResponse>> Session::Maildrop::Rows(uint32_t after_uid,
                                                                          uint32_t limit) {
  return link.Rows(*held, after_uid, limit);
}

Session::Session(const SessionEnvironment& environment, asio::ip::tcp::socket socket,
                 bool implicit_tls, SessionIdentity identity)
    : environment_(environment),
      connection_(std::move(socket), environment.link.deadlines()),
      implicit_tls_(implicit_tls),
      identity_(std::move(identity)),
      start_(environment.link.deadlines().Now()) {}

asio::awaitable<void> Session::Run() {
  const bool greeted = co_await Greet();
  if (!greeted) Close("Disconnected: TLS handshake failed");
  while (state_ == State::kAuthorization) co_await AuthorizationCommand();
  while (state_ == State::kTransaction) co_await TransactionCommand();
  if (state_ == State::kUpdate) co_await Update();
  co_await End();
}

asio::awaitable<bool> Session::Greet() {
  connection_.SetTimeout(environment_.settings.authorization_timeout);
  if (implicit_tls_) {
    const bool secured = co_await connection_.StartTls(environment_.tls);
    if (!secured) co_return false;
    identity_.tls = true;
  }
  AppendOk("Restante ready.", &out());
  co_return true;
}

asio::awaitable<std::optional<Line>> Session::NextLine(LineLimit limit) {
  while (true) {
    const Line line = connection_.input().Next(limit);
    if (line.kind != Line::Kind::kNone) {
      connection_.Touch();
      if (out().size() >= Connection::kOutputOctets) {
        const bool flushed = co_await connection_.Flush();
        if (!flushed) break;
      }
      co_return line;
    }
    // Nothing more to answer now: all replies leave together.
    const bool flushed = co_await connection_.Flush();
    if (!flushed) break;
    awaiting_command_ = true;
    const bool received = co_await connection_.Receive();
    awaiting_command_ = false;
    if (!received) break;
  }
  Close(connection_.timed_out() ? "Disconnected for inactivity" : "Connection closed");
  co_return std::nullopt;
}

asio::awaitable<std::optional<Command>> Session::NextCommand(LineLimit limit) {
  while (true) {
    const std::optional<Line> line = co_await NextLine(limit);
    if (!line.has_value()) co_return std::nullopt;
    if (line->kind == Line::Kind::kLine) co_return ParseCommand(line->text);
    AppendError("Line too long; at most 255 octets.", &out());
  }
}

void Session::Close(absl::string_view reason, bool gently) {
  state_ = State::kClosed;
  close_gently_ = gently;
  if (end_reason_.empty()) end_reason_ = reason;
}

asio::awaitable<void> Session::End() {
  if (maildrop_ != nullptr) {
    LogEnd(identity_, end_reason_, counters_);
    // Frees the lock before the client can see the end of the connection.
    maildrop_.reset();
  } else {
    LogNoLogin(identity_, end_reason_, attempts_, failed_logins_,
               environment_.link.deadlines().Now() - start_);
  }
  if (close_gently_) {
    const bool flushed = co_await connection_.Flush();
    if (flushed) co_await connection_.CloseGently();
  }
  connection_.Close();
}

void Session::EndForShutdown() {
  if (state_ == State::kUpdate || state_ == State::kClosed) return;
  end_reason_ = "Server is shutting down";
  // Inside a response an error would be taken for a part of it.
  if (awaiting_command_) {
    AppendError(kSysTempCode, "The server is shutting down.", &out());
    connection_.FlushAtOnce();
  }
  connection_.Close();
}

}  // namespace restante::pop3
