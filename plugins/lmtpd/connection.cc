#include "plugins/lmtpd/connection.h"

#include <utility>

#include "asio/buffer.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"

namespace restante::lmtp {

Connection::Connection(Socket socket, DeadlineQueue& deadlines)
    : socket_(std::move(socket)), deadline_(deadlines, [this] {
        timed_out_ = true;
        Interrupt();
      }) {
  asio::error_code ignored;
  socket_.non_blocking(true, ignored);
}

asio::awaitable<Connection::Outcome> Connection::Fill(std::chrono::milliseconds within) {
  const InputBuffer::Room room = input_.Space();
  timed_out_ = false;
  deadline_.Set(within);
  asio::error_code error;
  const size_t octets = co_await socket_.async_read_some(
      asio::buffer(room.data, room.size), asio::redirect_error(asio::use_awaitable, error));
  deadline_.Clear();
  input_.Commit(octets);
  co_return OutcomeOf(error);
}

asio::awaitable<Connection::Outcome> Connection::Flush(std::chrono::milliseconds within) {
  // The socket nearly always takes everything at once: that costs no turn of the
  // io_context.
  timed_out_ = false;
  size_t done = 0;
  asio::error_code error;
  while (done < output_.size()) {
    done += socket_.write_some(asio::buffer(output_) + done, error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      error.clear();
      deadline_.Set(within);
      co_await socket_.async_wait(Socket::wait_write,
                                  asio::redirect_error(asio::use_awaitable, error));
      deadline_.Clear();
    }
    if (error) break;
  }
  output_.clear();
  co_return OutcomeOf(error);
}

void Connection::Interrupt() {
  asio::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::Close() {
  asio::error_code ignored;
  if (!output_.empty()) socket_.write_some(asio::buffer(output_), ignored);
  output_.clear();
  socket_.shutdown(Socket::shutdown_send, ignored);
  // Closing over unread octets resets the connection, and the client would lose the
  // reply that tells why.
  for (int reads = 0; reads < 16 && !ignored; ++reads) {
    input_.Consume(input_.content().size());
    const InputBuffer::Room room = input_.Space();
    socket_.read_some(asio::buffer(room.data, room.size), ignored);
  }
  socket_.close(ignored);
}

Connection::Outcome Connection::OutcomeOf(asio::error_code error) const {
  if (!error) return Outcome::kOk;
  if (timed_out_) return Outcome::kTimeout;
  return error == asio::error::operation_aborted ? Outcome::kInterrupted : Outcome::kClosed;
}

}  // namespace restante::lmtp
