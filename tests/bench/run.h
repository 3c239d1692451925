// One run of the load generator: what it was asked for, its users, and what it counts.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "asio/awaitable.hpp"
#include "asio/io_context.hpp"
#include "asio/ip/tcp.hpp"
#include "nlohmann/json.hpp"
#include "tests/bench/connection.h"
#include "tests/bench/dialogues.h"
#include "tests/bench/messages.h"

namespace restante::bench {

struct Options {
  std::string pop3 = "127.0.0.1:110";
  std::string lmtp = "127.0.0.1:24";
  std::string users_file;
  std::string maildirs;  // empty: mailboxes are filled over LMTP
  size_t connections = 32;
  double seconds = 10;
  double warm_up_seconds = 1;
  uint64_t operations = 0;  // 0: for as long as `seconds` says
  uint64_t messages_per_user = 0;
  size_t octets = 4096;
  size_t recipients = 1;
  bool pipelined = false;
  bool tls = false;
  bool resume = false;
  bool unread = false;
  bool marks = false;
};

using Clock = std::chrono::steady_clock;

// Used by one thread.
class Run {
 public:
  // Reads the file of users. What is wrong with the options makes the run invalid.
  explicit Run(Options options);

  const Options& options() const { return options_; }
  const Messages& messages() const { return messages_; }
  asio::ip::tcp::endpoint pop3() const { return pop3_; }
  asio::ip::tcp::endpoint lmtp() const { return lmtp_; }
  asio::io_context& context() { return context_; }
  std::vector<User>& users() { return users_; }
  Connection::Tls tls() const;

  // Sessions that stay open.
  std::vector<std::unique_ptr<Connection>>& held() { return held_; }

  // The number of a new message; those of two runs never meet.
  uint64_t NextNumber() { return next_number_++; }

  // The users of transaction number `index`; they begin anew behind the last.
  std::span<User> Recipients(size_t index);
  size_t groups() const;

  // Lets each connection do `work(run, its number)` until all are done.
  using Work = asio::awaitable<void> (*)(Run*, size_t);
  void Spawn(Work work);

  // The same as what is measured: for the time that the options say, behind a warm-up,
  // or for so many operations. Works end when Over() says so. May be called several
  // times; it all adds up. Transactions to many recipients last long, and are answered all
  // at once: those that begin within the time are measured to the end of the last.
  void Measure(Work work);

  // The same for work that has an end of its own.
  void MeasureToTheEnd(Work work);

  bool Over();

  // One session or transaction that began then, in which so much was done. What isn't
  // done within the measured time isn't counted.
  void Count(uint64_t operations, Clock::time_point begin);

  // Only that so much was done; for sessions that last longer than a measurement.
  void Count(uint64_t operations);

  // A handshake, and whether it took up an earlier session.
  void CountHandshake(bool resumed);

  double measured_seconds() const { return measured_seconds_; }

  nlohmann::ordered_json Result();

 private:
  bool IsMeasured(Clock::time_point now) const { return now >= measured_from_ && now < until_; }

  // Tells whoever runs us where the measured time begins and ends, for it to look at
  // what the servers used meanwhile; with `wait` it goes on when told to.
  void Mark(const char* what, bool wait);

  Options options_;
  Messages messages_;
  asio::ip::tcp::endpoint pop3_;
  asio::ip::tcp::endpoint lmtp_;
  std::vector<User> users_;
  asio::io_context context_{1};
  std::vector<std::unique_ptr<Connection>> held_;
  uint64_t next_number_;

  Clock::time_point measured_from_;
  Clock::time_point until_;
  Clock::time_point nothing_begins_from_;
  uint64_t begun_ = 0;
  uint64_t operations_ = 0;
  uint64_t handshakes_ = 0;
  uint64_t resumed_ = 0;
  std::vector<float> milliseconds_;  // of each session or transaction
  double measured_seconds_ = 0;
  double wall_seconds_ = 0;
  double cpu_seconds_ = 0;
};

}  // namespace restante::bench
