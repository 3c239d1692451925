// A client for tests that speaks LMTP octet by octet if need be. Every wait has an end:
// after 20 s without an answer the test fails.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/tls.h"

namespace restante::lmtp {

class LmtpClient {
 public:
  // To 127.0.0.1, or to a UNIX socket.
  explicit LmtpClient(int port);
  explicit LmtpClient(const std::string& path);
  ~LmtpClient();
  LmtpClient(const LmtpClient&) = delete;
  LmtpClient& operator=(const LmtpClient&) = delete;

  // The client's side of a TLS handshake, with this certificate if the server asks for
  // one. False: it failed.
  bool Handshake(const std::string& certificate_file = "", const std::string& key_file = "");

  void Send(std::string_view octets);
  // Sends as much as the server takes: until nothing more goes for a while. Returns how
  // much went.
  size_t SendUntilBlocked(std::string_view octets);
  // Nothing more will be sent.
  void ShutdownSend();
  // Breaks the connection off.
  void Close();

  // The next reply, its lines joined by '|', without CRLFs: "250-a|250 b". Empty if the
  // server has closed the connection.
  std::string Reply();
  // So many of them.
  std::vector<std::string> Replies(size_t count);
  // Sends a line, and returns its reply.
  std::string Command(std::string_view line);
  // Greeting and LHLO.
  void Greet();
  // Everything until the server closes the connection.
  std::string Rest();

 private:
  // False at the end of the connection.
  bool Receive();

  int fd_ = -1;
  TlsConnection tls_;
  std::string input_;
};

}  // namespace restante::lmtp
