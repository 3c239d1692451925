#include "tests/bench/connection.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "asio/write.hpp"

namespace restante::bench {
namespace {

constexpr size_t kBufferOctets = 256 * 1024;

asio::ssl::context& TlsContext() {
  static asio::ssl::context* const context = [] {
    auto* made = new asio::ssl::context(asio::ssl::context::tls_client);
    made->set_verify_mode(asio::ssl::verify_none);
    return made;
  }();
  return *context;
}

}  // namespace

void InvalidRun(const std::string& why) {
  std::fprintf(stderr, "load: this run is invalid: %s\n", why.c_str());
  std::fflush(stderr);
  std::_Exit(1);
}

Connection::Connection(asio::io_context& context, Tls tls)
    : socket_(context), tls_(tls), buffer_(kBufferOctets) {}

Connection::~Connection() { SSL_SESSION_free(session_); }

asio::awaitable<void> Connection::Connect(asio::ip::tcp::endpoint server) {
  asio::error_code error;
  begin_ = end_ = 0;
  co_await socket_.async_connect(server, asio::redirect_error(asio::use_awaitable, error));
  if (error) InvalidRun("connect: " + error.message());
  socket_.set_option(asio::ip::tcp::no_delay(true));
  socket_.non_blocking(true);
  if (tls_ != Tls::kNone) co_await Handshake();
}

asio::awaitable<void> Connection::Handshake() {
  stream_.emplace(socket_, TlsContext());
  if (session_ != nullptr) SSL_set_session(stream_->native_handle(), session_);
  asio::error_code error;
  co_await stream_->async_handshake(asio::ssl::stream_base::client,
                                    asio::redirect_error(asio::use_awaitable, error));
  if (error) InvalidRun("TLS handshake: " + error.message());
}

bool Connection::resumed() const {
  // Asking changes nothing of it.
  return stream_.has_value() &&
         SSL_session_reused(const_cast<Connection*>(this)->stream_->native_handle()) == 1;
}

asio::awaitable<void> Connection::Send(std::string_view data) {
  asio::error_code error;
  if (stream_.has_value()) {
    co_await asio::async_write(*stream_, asio::buffer(data.data(), data.size()),
                               asio::redirect_error(asio::use_awaitable, error));
    if (error) InvalidRun("send: " + error.message());
    co_return;
  }
  while (!data.empty()) {
    const size_t sent = socket_.write_some(asio::buffer(data.data(), data.size()), error);
    data.remove_prefix(sent);
    if (error == asio::error::would_block) {
      co_await socket_.async_wait(asio::socket_base::wait_write,
                                  asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) InvalidRun("send: " + error.message());
  }
}

asio::awaitable<std::string_view> Connection::Line() {
  size_t looked_at = begin_;
  for (;;) {
    const char* const data = buffer_.data.get();
    const void* found = std::memchr(data + looked_at, '\n', end_ - looked_at);
    if (found != nullptr) {
      const char* line = data + begin_;
      const size_t length = static_cast<const char*>(found) - line;
      begin_ += length + 1;
      if (length == 0 || line[length - 1] != '\r') InvalidRun("a reply ends in a bare LF");
      co_return std::string_view(line, length - 1);
    }
    const size_t held = end_ - begin_;
    co_await Fill();
    looked_at = begin_ + held;
  }
}

asio::awaitable<std::string_view> Connection::Multiline() {
  constexpr std::string_view kTerminator = "\r\n.\r\n";
  size_t looked_at = 0;  // from begin_
  for (;;) {
    const std::string_view held(buffer_.data.get() + begin_, end_ - begin_);
    if (held.substr(0, 3) == ".\r\n") {
      begin_ += 3;
      co_return std::string_view();
    }
    const void* found = memmem(held.data() + looked_at, held.size() - looked_at,
                               kTerminator.data(), kTerminator.size());
    if (found != nullptr) {
      const size_t length = static_cast<const char*>(found) - held.data() + 2;
      begin_ += length + 3;
      co_return held.substr(0, length);
    }
    looked_at = held.size() < kTerminator.size() ? 0 : held.size() - kTerminator.size() + 1;
    co_await Fill();
  }
}

asio::awaitable<void> Connection::Fill() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (buffer_.size - end_ < buffer_.size / 4) {
    char* const held = buffer_.data.get() + begin_;
    if (begin_ < buffer_.size / 2) {
      Buffer larger(buffer_.size * 2);
      std::memcpy(larger.data.get(), held, end_ - begin_);
      buffer_ = std::move(larger);
    } else {
      std::memmove(buffer_.data.get(), held, end_ - begin_);
    }
    end_ -= begin_;
    begin_ = 0;
  }
  asio::error_code error;
  const auto room = asio::buffer(buffer_.data.get() + end_, buffer_.size - end_);
  size_t received = 0;
  if (stream_.has_value()) {
    received = co_await stream_->async_read_some(
        room, asio::redirect_error(asio::use_awaitable, error));
  } else {
    received = co_await socket_.async_read_some(
        room, asio::redirect_error(asio::use_awaitable, error));
  }
  if (error) {
    InvalidRun("receive: " + error.message() + " after \"" +
               std::string(buffer_.data.get() + begin_, std::min<size_t>(end_ - begin_, 200)) +
               "\"");
  }
  end_ += received;
}

void Connection::Close() {
  if (stream_.has_value()) {
    if (tls_ == Tls::kResumed) {
      SSL_SESSION_free(session_);
      session_ = SSL_get1_session(stream_->native_handle());
    }
    // OpenSSL doesn't resume what wasn't shut down; there is no use in telling the
    // server, which closes too.
    SSL_set_shutdown(stream_->native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    stream_.reset();
  }
  asio::error_code ignored;
  socket_.close(ignored);
}

}  // namespace restante::bench
