// One client's connection, TCP or UNIX: reads into a bounded buffer, gathers replies
// and writes them together, and gives up when the client takes too long. Knows nothing
// of LMTP.
//
// Belongs to one io_context, and is used on its thread only.
#pragma once

#include <chrono>
#include <string>

#include "asio/awaitable.hpp"
#include "asio/generic/stream_protocol.hpp"
#include "plugins/lmtpd/deadlines.h"
#include "plugins/lmtpd/input_buffer.h"

namespace restante::lmtp {

using Socket = asio::generic::stream_protocol::socket;

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

  // Ends a Fill or Flush that waits.
  void Interrupt();

  // Writes what the socket takes at once, and closes it.
  void Close();

 private:
  Outcome OutcomeOf(asio::error_code error) const;

  Socket socket_;
  InputBuffer input_;
  std::string output_;
  bool timed_out_ = false;
  Deadline deadline_;
};

}  // namespace restante::lmtp
