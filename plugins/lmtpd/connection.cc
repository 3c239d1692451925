#include "plugins/lmtpd/connection.h"

#include <algorithm>
#include <utility>

#include "asio/buffer.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "common/proxy_receiver.h"

namespace restante::lmtp {
namespace {

// Replies are short: a quarter of what a record may have holds any run of them that is
// sent together, and OpenSSL keeps no more of it.
constexpr size_t kTlsRecordOctets = 4096;

// What has one time for all of it, however busy the client is, waits so long at most.
std::chrono::milliseconds LeftUntil(DeadlineQueue::Clock::time_point end) {
  return std::max(
      std::chrono::duration_cast<std::chrono::milliseconds>(end - DeadlineQueue::Clock::now()),
      std::chrono::milliseconds(0));
}

}  // namespace

Connection::Connection(Socket socket, DeadlineQueue& deadlines)
    : socket_(std::move(socket)), deadline_(deadlines, [this] {
        timed_out_ = true;
        Interrupt();
      }) {
  asio::error_code ignored;
  socket_.non_blocking(true, ignored);
}

asio::awaitable<Connection::Outcome> Connection::Fill(std::chrono::milliseconds within) {
  if (tls_ != nullptr) {
    const Outcome filled = co_await FillByTls(within);
    co_return filled;
  }
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
  if (tls_ != nullptr) {
    const Outcome flushed = co_await FlushByTls(within);
    co_return flushed;
  }
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

asio::awaitable<Connection::Outcome> Connection::ReceiveProxyHeader(
    ProxyParse* parse, std::chrono::milliseconds within) {
  ProxyReceiver receiver;
  const auto end = DeadlineQueue::Clock::now() + within;
  while (true) {
    const Outcome waited = co_await Await(Socket::wait_read, LeftUntil(end));
    if (waited != Outcome::kOk) co_return waited;
    switch (receiver.Receive(socket_.native_handle(), parse)) {
      case ProxyReceiver::Outcome::kHeader:
        co_return Outcome::kOk;
      case ProxyReceiver::Outcome::kOver:
        co_return Outcome::kClosed;
      case ProxyReceiver::Outcome::kMore:
        break;
    }
  }
}

asio::awaitable<Connection::Outcome> Connection::StartTls(ServerTls& tls,
                                                          std::chrono::milliseconds within) {
  tls_ = TlsStream::Create(tls, socket_.native_handle(), kTlsRecordOctets);
  if (tls_ == nullptr) co_return Outcome::kClosed;
  const auto end = DeadlineQueue::Clock::now() + within;
  while (true) {
    const TlsStream::Io io = tls_->Accept();
    if (io == TlsStream::Io::kDone) co_return Outcome::kOk;
    const Outcome waited = co_await AwaitTls(io, LeftUntil(end));
    if (waited != Outcome::kOk) co_return waited;
  }
}

asio::awaitable<Connection::Outcome> Connection::FillByTls(std::chrono::milliseconds within) {
  const InputBuffer::Room room = input_.Space();
  while (true) {
    size_t octets = 0;
    const TlsStream::Io io = tls_->Read(room.data, room.size, &octets);
    if (io == TlsStream::Io::kDone) {
      input_.Commit(octets);
      co_return Outcome::kOk;
    }
    const Outcome waited = co_await AwaitTls(io, within);
    if (waited != Outcome::kOk) co_return waited;
  }
}

asio::awaitable<Connection::Outcome> Connection::FlushByTls(std::chrono::milliseconds within) {
  absl::string_view rest = output_;
  Outcome outcome = Outcome::kOk;
  while (outcome == Outcome::kOk) {
    const TlsStream::Io io = tls_->Write(&rest);
    if (io == TlsStream::Io::kDone) break;
    outcome = co_await AwaitTls(io, within);
  }
  output_.clear();
  co_return outcome;
}

asio::awaitable<Connection::Outcome> Connection::AwaitTls(TlsStream::Io wanted,
                                                          std::chrono::milliseconds within) {
  if (wanted == TlsStream::Io::kOver) co_return Outcome::kClosed;
  const Outcome waited = co_await Await(
      wanted == TlsStream::Io::kWantsRead ? Socket::wait_read : Socket::wait_write, within);
  co_return waited;
}

asio::awaitable<Connection::Outcome> Connection::Await(Socket::wait_type wanted,
                                                       std::chrono::milliseconds within) {
  timed_out_ = false;
  deadline_.Set(within);
  asio::error_code error;
  co_await socket_.async_wait(wanted, asio::redirect_error(asio::use_awaitable, error));
  deadline_.Clear();
  co_return OutcomeOf(error);
}

void Connection::Interrupt() {
  asio::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::Close() {
  asio::error_code ignored;
  if (tls_ != nullptr) {
    absl::string_view rest = output_;
    tls_->Write(&rest);
    tls_->NotifyClose();
  } else if (!output_.empty()) {
    socket_.write_some(asio::buffer(output_), ignored);
  }
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
