// One connection of the load generator to a server that speaks in lines: POP3 or
// LMTP, in the clear or over TLS. Cheap rather than general: it writes at once where
// the socket takes it, and reads into one buffer that it hands out views of. Whatever
// goes wrong invalidates the whole run, so nothing here returns an error.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/ssl/context.hpp"
#include "asio/ssl/stream.hpp"

namespace restante::bench {

// Ends the process with exit code 1: what was measured until now is worth nothing.
[[noreturn]] void InvalidRun(const std::string& why);

// Used by one coroutine at a time.
class Connection {
 public:
  enum class Tls { kNone, kFull, kResumed };

  // kFull: each Connect makes a handshake of its own; kResumed: with the ticket that
  // the server gave the time before. Certificates aren't verified: a bench's are
  // signed by nobody, and the server's work is the same.
  explicit Connection(asio::io_context& context, Tls tls = Tls::kNone);
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  asio::awaitable<void> Connect(asio::ip::tcp::endpoint server);

  // `data` has to live until the call completes.
  asio::awaitable<void> Send(std::string_view data);

  // The next line without its CRLF; the view is good until the next call.
  asio::awaitable<std::string_view> Line();

  // What a multi-line response has after its first line, up to the CRLF before the
  // final dot, still dot-stuffed: every line of it ends in CRLF. The view is good
  // until the next call.
  asio::awaitable<std::string_view> Multiline();

  // Whether the server took up the session of the connection before.
  bool resumed() const;

  void Close();

 private:
  struct Buffer {
    explicit Buffer(size_t octets)
        : data(std::make_unique_for_overwrite<char[]>(octets)), size(octets) {}
    // Not filled with zeros: of ten thousand connections most use little of it.
    std::unique_ptr<char[]> data;
    size_t size;
  };

  asio::awaitable<void> Handshake();
  asio::awaitable<void> Fill();

  asio::ip::tcp::socket socket_;
  const Tls tls_;
  std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> stream_;  // with TLS
  SSL_SESSION* session_ = nullptr;  // what kResumed goes on with; owned
  Buffer buffer_;
  size_t begin_ = 0;  // buffer_[begin_, end_) is received and not yet handed out
  size_t end_ = 0;
};

}  // namespace restante::bench
