// What the load generator does over and over: a POP3 session that polls, one that
// fetches, and LMTP transactions. Every reply is checked; a wrong one invalidates
// the run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "asio/awaitable.hpp"
#include "asio/ip/tcp.hpp"
#include "tests/bench/connection.h"
#include "tests/bench/messages.h"

namespace restante::bench {

struct User {
  std::string name;
  std::string password;

  // What a poll must find; UIDL's answer is learnt from the first poll.
  uint64_t messages = 0;
  std::string uidls;

  // The number that the next message for this user carries, and how many deliveries
  // were acknowledged.
  uint64_t next_number = 0;
  uint64_t acknowledged = 0;
};

// Log in (USER and PASS, one after the other), STAT, UIDL, QUIT, each awaited before the
// next. STAT has to say user->messages, and UIDL the same as the last time.
asio::awaitable<void> Poll(Connection* connection, asio::ip::tcp::endpoint pop3, User* user);

struct FetchOptions {
  bool pipelined = false;
  size_t at_most = SIZE_MAX;  // messages, from the first on
};

// Log in, LIST, RETR of each message, QUIT. Calls `each` for every message.
asio::awaitable<void> Fetch(Connection* connection, asio::ip::tcp::endpoint pop3, User* user,
                            FetchOptions options, const Messages* messages,
                            std::function<void(const MessageId&)> each);

// The beginning of an LMTP connection: greeting and LHLO.
asio::awaitable<void> Greet(Connection* connection, asio::ip::tcp::endpoint lmtp);

// One transaction with one recipient: MAIL, RCPT and DATA in one segment, as an MTA
// pipelines them, then the message.
asio::awaitable<void> Deliver(Connection* connection, User* user, const Messages* messages);

}  // namespace restante::bench
