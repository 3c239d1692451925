#include "pop3d/connection.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "asio/buffer.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "common/proxy_receiver.h"
#include "pop3d/faults.h"

namespace restante::pop3 {
namespace {

// What an idle connection may keep of its output buffer.
constexpr size_t kIdleOutputOctets = 1024;
constexpr std::chrono::seconds kLinger(2);
// Between two looks whether the client's host is there.
constexpr std::chrono::seconds kHostCheckPause(1);
// What the kernel takes of us before the network has taken it. By default that grows
// to megabytes, which it would hold for every client that doesn't read.
constexpr int kUnsentOctets = 128 * 1024;

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, Deadlines& deadlines, LineLimits lines)
    : socket_(std::move(socket)),
      input_(lines),
      deadline_(deadlines,
                [this, &deadlines] {
                  timed_out_ = true;
                  past_end_ = deadlines.Now() >= end_;
                  Close();
                }),
      host_check_(deadlines, [this] { LookForHost(); }) {
  ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentOctets,
               sizeof kUnsentOctets);
}

void Connection::SetTimeout(TimeSpan timeout) {
  timeout_ = timeout;
  Touch();
}

void Connection::SetEnd(TimePoint end) {
  end_ = end;
  Touch();
}

void Connection::WatchHost(TimeSpan silence) {
  host_silence_ = silence;
  host_check_.SetAfter(silence);
}

void Connection::LookForHost() {
  if (!socket_.is_open()) return;
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;
  const std::chrono::milliseconds silent(
      std::min(info.tcpi_last_ack_recv, info.tcpi_last_data_recv));
  // More than once, so that a process which was asleep itself doesn't blame the client.
  const bool asked =
      (info.tcpi_unacked != 0 && info.tcpi_retransmits > 1) || info.tcpi_probes > 1;
  if (asked && silent >= host_silence_) {
    host_is_gone_ = true;
    Close();
    return;
  }
  host_check_.SetAfter(std::max<TimeSpan>(host_silence_ - silent, kHostCheckPause));
}

asio::awaitable<bool> Connection::ReceiveProxyHeader(ProxyParse* parse) {
  ProxyReceiver receiver;
  while (true) {
    const bool ready = co_await Await(Io::kWantsRead);
    if (!ready) co_return false;
    const ProxyReceiver::Outcome outcome = receiver.Receive(socket_.native_handle(), parse);
    if (outcome != ProxyReceiver::Outcome::kMore) {
      co_return outcome == ProxyReceiver::Outcome::kHeader;
    }
  }
}

asio::awaitable<bool> Connection::Receive() {
  if (closed()) co_return false;
  input_.Release();
  if (output_.empty() && output_.capacity() > kIdleOutputOctets) std::string().swap(output_);
  if (secure()) {
    const bool received = co_await ReceiveTls();
    co_return received;
  }
  const absl::Span<char> space = input_.Space();
  asio::error_code error;
  const size_t octets =
      co_await socket_.async_read_some(asio::buffer(space.data(), space.size()),
                                       asio::redirect_error(asio::use_awaitable, error));
  if (error || closed()) co_return false;
  input_.Received(octets);
  co_return true;
}

asio::awaitable<bool> Connection::ReceiveTls() {
  while (true) {
    const absl::Span<char> space = input_.Space();
    ERR_clear_error();
    const int octets = SSL_read(tls_.get(), space.data(), static_cast<int>(space.size()));
    if (octets > 0) {
      input_.Received(static_cast<size_t>(octets));
      co_return true;
    }
    const bool ready = co_await Await(TlsResult(octets));
    if (!ready) co_return false;
  }
}

asio::awaitable<bool> Connection::Flush() {
  absl::string_view nothing;
  while (true) {
    const Sent sent = SendNow(&nothing);
    if (sent != Sent::kNotAll) co_return sent == Sent::kAll;
    // It may be long until then, and a string that grew has up to twice its size.
    TrimOutput();
    const bool room = co_await AwaitRoom();
    if (!room) co_return false;
  }
}

Connection::Sent Connection::SendNow(absl::string_view* octets) {
  if (closed()) return output_.empty() && octets->empty() ? Sent::kAll : Sent::kOver;
  absl::string_view rest = output_;
  send_wants_ = Send(&rest, octets);
  output_.erase(0, output_.size() - rest.size());
  if (send_wants_ == Io::kDone) return Sent::kAll;
  return send_wants_ == Io::kOver ? Sent::kOver : Sent::kNotAll;
}

asio::awaitable<bool> Connection::AwaitRoom() {
  const bool ready = co_await Await(send_wants_);
  co_return ready;
}

void Connection::FlushAtOnce() {
  absl::string_view first = output_;
  absl::string_view second;
  if (!closed()) Send(&first, &second);
  output_.clear();
}

Connection::Io Connection::Send(absl::string_view* first, absl::string_view* second) {
  if (secure()) {
    const Io sent = SendTls(first);
    return sent == Io::kDone ? SendTls(second) : sent;
  }
  while (!first->empty() || !second->empty()) {
    iovec parts[2] = {{const_cast<char*>(first->data()), first->size()},
                      {const_cast<char*>(second->data()), second->size()}};
    msghdr message{};
    message.msg_iov = first->empty() ? parts + 1 : parts;
    message.msg_iovlen = first->empty() || second->empty() ? 1 : 2;
    // Before the octets go, not after: a client that has them can count on the time.
    Touch();
    const ssize_t sent =
        ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? Io::kWantsWrite : Io::kOver;
    }
    sent_octets_ += static_cast<size_t>(sent);
    const size_t of_first = std::min(first->size(), static_cast<size_t>(sent));
    first->remove_prefix(of_first);
    second->remove_prefix(static_cast<size_t>(sent) - of_first);
  }
  return Io::kDone;
}

Connection::Io Connection::SendTls(absl::string_view* octets) {
  while (!octets->empty()) {
    ERR_clear_error();
    const size_t size = std::min<size_t>(octets->size(), INT32_MAX);
    Touch();
    const int sent = SSL_write(tls_.get(), octets->data(), static_cast<int>(size));
    if (sent <= 0) return TlsResult(sent);
    sent_octets_ += static_cast<size_t>(sent);
    octets->remove_prefix(static_cast<size_t>(sent));
  }
  return Io::kDone;
}

Connection::Io Connection::TlsResult(int result) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Io::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Io::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Io::kOver;
    default:
      // After an error OpenSSL forbids SSL_shutdown.
      tls_usable_ = false;
      ERR_clear_error();
      return Io::kOver;
  }
}

asio::awaitable<bool> Connection::Await(Io wanted) {
  if (wanted == Io::kOver || closed()) co_return false;
  const auto direction = wanted == Io::kWantsRead ? asio::ip::tcp::socket::wait_read
                                                  : asio::ip::tcp::socket::wait_write;
  asio::error_code error;
  co_await socket_.async_wait(direction, asio::redirect_error(asio::use_awaitable, error));
  co_return !error && !closed();
}

asio::awaitable<bool> Connection::StartTls(ServerTls& tls) {
  asio::error_code error;
  socket_.native_non_blocking(true, error);
  tls_ = tls.NewConnection();
  if (error || tls_ == nullptr || SSL_set_fd(tls_.get(), socket_.native_handle()) != 1) {
    Close();
    co_return false;
  }
  SSL_set_mode(tls_.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Half of what a record may have: OpenSSL holds it until the client has taken it.
  SSL_set_max_send_fragment(tls_.get(), kRecordOctets);
  while (true) {
    ERR_clear_error();
    const int done = SSL_accept(tls_.get());
    if (done == 1) break;
    const bool ready = co_await Await(TlsResult(done));
    if (!ready) co_return false;
  }
  tls_usable_ = true;
  co_return true;
}

std::vector<std::string> Connection::Certificates() const {
  return secure() ? PeerCertificates(tls_.get()) : std::vector<std::string>();
}

void Connection::NotifyTlsClose() {
  if (!tls_usable_) return;
  ERR_clear_error();
  if (!On(Fault::kNoCloseNotify)) SSL_shutdown(tls_.get());
  ERR_clear_error();
  tls_usable_ = false;
}

void Connection::Close() {
  if (!socket_.is_open()) return;
  NotifyTlsClose();
  asio::error_code ignored;
  socket_.close(ignored);
  deadline_.Clear();
}

void Connection::EndOutput() {
  if (closed()) return;
  FlushAtOnce();
  NotifyTlsClose();
  output_ended_ = true;
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  socket_.cancel(ignored);
}

asio::awaitable<void> Connection::CloseGently() {
  if (!socket_.is_open()) co_return;
  EndOutput();
  SetTimeout(kLinger);
  asio::error_code error;
  char dropped[512];
  while (!error && socket_.is_open()) {
    co_await socket_.async_read_some(asio::buffer(dropped),
                                     asio::redirect_error(asio::use_awaitable, error));
  }
  Close();
}

}  // namespace restante::pop3
