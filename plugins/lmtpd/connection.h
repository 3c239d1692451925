// One client's connection, TCP or UNIX, with or without TLS: reads into a bounded buffer,
// gathers replies and writes them together, and gives up when the client takes too long.
// Knows nothing of LMTP.
//
// Belongs to one io_context, and is used on its thread only.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "asio/awaitable.hpp"
#include "common/proxy_protocol.h"
#include "common/tls_stream.h"
#include "plugins/lmtpd/arrival.h"
#include "plugins/lmtpd/deadlines.h"
#include "plugins/lmtpd/input_buffer.h"

namespace restante::lmtp {

class Connection {
 public:
  enum class Outcome {
    kOk,
    kClosed,       // by the client, or broken
    kTimeout,      // the client was silent, or took nothing, for too long
    kInterrupted,  // by Interrupt()
  };

  Connection(Socket socket, DeadlineQueue& deadlines);

  InputBuffer& input() { return input_; }

  // Replies that wait to be written; append to it.
  std::string& output() { return output_; }

  // Reads at least one octet into input(), which must have room.
  asio::awaitable<Outcome> Fill(std::chrono::milliseconds within);

  // Writes output() and empties it.
  asio::awaitable<Outcome> Flush(std::chrono::milliseconds within);

  // Before anything else: what a load balancer says of the client, and not an octet behind
  // it. kClosed also for octets that are no header (parse->error).
  asio::awaitable<Outcome> ReceiveProxyHeader(ProxyParse* parse,
                                              std::chrono::milliseconds within);

  // The server's side of a TLS handshake; nothing may be in input() or output(). After
  // anything but kOk the connection is of no more use.
  asio::awaitable<Outcome> StartTls(ServerTls& tls, std::chrono::milliseconds within);
  // Null: the connection is in the clear.
  const SSL* tls() const { return tls_ != nullptr ? tls_->ssl() : nullptr; }

  // Ends whatever waits.
  void Interrupt();

  // Writes what the socket takes at once, and closes it.
  void Close();

 private:
  asio::awaitable<Outcome> Await(Socket::wait_type wanted, std::chrono::milliseconds within);
  // Until the socket can be read or written, as TLS wants it; kClosed if that is over.
  asio::awaitable<Outcome> AwaitTls(TlsStream::Io wanted, std::chrono::milliseconds within);
  asio::awaitable<Outcome> FillByTls(std::chrono::milliseconds within);
  asio::awaitable<Outcome> FlushByTls(std::chrono::milliseconds within);
  Outcome OutcomeOf(asio::error_code error) const;

  Socket socket_;
  std::unique_ptr<TlsStream> tls_;
  InputBuffer input_;
  std::string output_;
  bool timed_out_ = false;
  Deadline deadline_;
};

}  // namespace restante::lmtp
