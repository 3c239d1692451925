// A POP3 client for tests: says what it is told to, octet for octet, and reads with
// a deadline. Failures are test failures and empty answers. Blocking; one thread.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "asio/ip/tcp.hpp"

namespace restante::pop3 {

class Client {
 public:
  // Connects; with `tls`, the handshake comes first. `receive_buffer` octets, if
  // not 0, make a client that takes little at once.
  explicit Client(const asio::ip::tcp::endpoint& server, bool tls = false,
                  int receive_buffer = 0);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // All at once; as it is.
  void Send(absl::string_view octets);
  // Each octet in a segment of its own.
  void SendSlowly(absl::string_view octets);

  // A line without its CRLF. A line that ends in a bare LF is a failure.
  std::string ReadLine();
  // The lines up to the single dot, unstuffed, each with its CRLF.
  std::string ReadBody();
  // The next `count` octets.
  std::string ReadOctets(size_t count);
  // True when the server has closed, having sent nothing more.
  bool AtEnd();
  // The connection has ended by RST: what the server said last may be lost.
  bool WasReset() const { return reset_; }

  // Sends a line and reads the first line of the reply.
  std::string Command(absl::string_view line);
  // The same for a multi-line reply: the first line is in *first if that isn't null.
  std::string MultiLine(absl::string_view line, std::string* first = nullptr);
  // Reads the greeting and logs in; the reply to PASS.
  std::string LogIn(absl::string_view user, absl::string_view password);

  // The client's side of a handshake; false if it fails.
  bool Handshake();
  // What it shakes hands with; changed before.
  SSL_CTX* tls_context() { return context_.get(); }
  // The common name in the server's certificate.
  std::string ServerName() const;
  // The end of what it says; it still reads.
  void SayNoMore();
  // Closes without a word; `reset`: by RST.
  void Close(bool reset = false);
  // Whether anything can be read now.
  bool HasOctets();
  // What came together with what was read last.
  const std::string& buffered() const { return input_; }

 private:
  struct FreeTls {
    void operator()(SSL* tls) const { SSL_free(tls); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  // False at the end of the connection.
  bool Fill();

  int fd_ = -1;
  std::unique_ptr<SSL_CTX, FreeTls> context_;
  std::unique_ptr<SSL, FreeTls> tls_;
  std::string input_;
  bool reset_ = false;
};

}  // namespace restante::pop3
