// Finding out that a client has gone while nobody reads from it.
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "pop3d/connection.h"

namespace restante::pop3 {

struct Connection::EndWatch::State {
  Connection& connection;
  // Null once it was called, or nobody wants to know any more.
  absl::AnyInvocable<void()> on_end;
};

Connection::EndWatch::EndWatch(Connection& connection, absl::AnyInvocable<void()> on_end)
    : state_(std::make_shared<State>(State{connection, std::move(on_end)})) {
  Await(state_);
}

Connection::EndWatch::~EndWatch() {
  if (!state_->on_end) return;
  state_->on_end = nullptr;
  asio::error_code ignored;
  if (!state_->connection.closed()) state_->connection.socket_.cancel(ignored);
}

void Connection::EndWatch::Await(std::shared_ptr<State> state) {
  Connection& connection = state->connection;
  // What is there to be read hides an end behind it, but for that by an error.
  const bool broken = connection.LookAhead() == Ahead::kOctets;
  const auto event =
      broken ? asio::ip::tcp::socket::wait_error : asio::ip::tcp::socket::wait_read;
  connection.socket_.async_wait(
      event, [state = std::move(state), broken](asio::error_code error) mutable {
        Look(std::move(state), broken, static_cast<bool>(error));
      });
}

void Connection::EndWatch::Look(std::shared_ptr<State> state, bool broken, bool aborted) {
  if (!state->on_end) return;
  Connection& connection = state->connection;
  if (!aborted && broken) {
    pollfd socket{connection.socket_.native_handle(), 0, 0};
    // Otherwise urgent octets have come, which tell nothing, and would do so for ever.
    if (::poll(&socket, 1, 0) <= 0 || (socket.revents & (POLLERR | POLLHUP)) == 0) return;
  } else if (!aborted && connection.LookAhead() != Ahead::kEnd) {
    Await(std::move(state));
    return;
  }
  absl::AnyInvocable<void()> on_end = std::exchange(state->on_end, nullptr);
  on_end();
}

Connection::Ahead Connection::LookAhead() {
  if (input_.HasOctets()) return Ahead::kOctets;
  char octet = 0;
  if (secure()) {
    ERR_clear_error();
    const int seen = SSL_peek(tls_.get(), &octet, 1);
    if (seen > 0) return Ahead::kOctets;
    return TlsResult(seen) == Io::kOver ? Ahead::kEnd : Ahead::kNothing;
  }
  const ssize_t seen = ::recv(socket_.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  if (seen > 0) return Ahead::kOctets;
  const bool later = seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return later ? Ahead::kNothing : Ahead::kEnd;
}

}  // namespace restante::pop3
