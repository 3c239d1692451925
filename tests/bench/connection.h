// One connection of the load generator to a server that speaks in lines: POP3 or
// LMTP. Cheap rather than general: it writes at once where the socket takes it, and
// reads into one buffer that it hands out views of. Whatever goes wrong invalidates
// the whole run, so nothing here returns an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"

namespace restante::bench {

// Ends the process with exit code 1: what was measured until now is worth nothing.
[[noreturn]] void InvalidRun(const std::string& why);

// Used by one coroutine at a time.
class Connection {
 public:
  explicit Connection(asio::io_context& context);

  asio::awaitable<void> Connect(asio::ip::tcp::endpoint server);

  // `data` has to live until the call completes.
  asio::awaitable<void> Send(std::string_view data);

  // The next line without its CRLF; the view is good until the next call.
  asio::awaitable<std::string_view> Line();

  // What a multi-line response has after its first line, up to the CRLF before the
  // final dot, still dot-stuffed: every line of it ends in CRLF. The view is good
  // until the next call.
  asio::awaitable<std::string_view> Multiline();

  void Close();

 private:
  asio::awaitable<void> Fill();

  asio::ip::tcp::socket socket_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // buffer_[begin_, end_) is received and not yet handed out
  size_t end_ = 0;
};

}  // namespace restante::bench
