// What the load generator does over and over: POP3 sessions that poll, fetch, drain or
// wait, and LMTP transactions. Every reply is checked; a wrong one invalidates the run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
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

  // What a session must find; UIDL's answer is learnt from the first poll.
  uint64_t messages = 0;
  std::string uidls;

  // The numbers of the messages that were acknowledged and should be in the mailbox.
  std::vector<uint64_t> acknowledged;
};

// Connect and log in: USER and PASS, one after the other.
asio::awaitable<void> LogIn(Connection* connection, asio::ip::tcp::endpoint pop3,
                            const User* user);

// STAT has to say user->messages.
asio::awaitable<void> CheckStat(Connection* connection, const User* user);

// QUIT, and close.
asio::awaitable<void> Quit(Connection* connection);

// NOOP: the session still lives.
asio::awaitable<void> CheckAlive(Connection* connection);

// Log in, STAT, UIDL, QUIT, each awaited before the next. UIDL has to say the same as the
// last time.
asio::awaitable<void> Poll(Connection* connection, asio::ip::tcp::endpoint pop3, User* user);

// Reads the greeting of a connection that isn't to log in.
asio::awaitable<void> TakeGreeting(Connection* connection);

struct FetchOptions {
  // The RETRs of a session, or of a window of 256 of them where a mailbox has more, go
  // out at once; so then do the DELEs, behind them.
  bool pipelined = false;
  // DELE of each message, behind its RETR.
  bool erase = false;
};

// Log in, LIST, RETR of each message, QUIT. Calls `each` for every message.
asio::awaitable<void> Fetch(Connection* connection, asio::ip::tcp::endpoint pop3,
                            const User* user, FetchOptions options, const Messages* messages,
                            std::function<void(const MessageId&)> each);

// The beginning of an LMTP connection: greeting and LHLO.
asio::awaitable<void> GreetLmtp(Connection* connection, asio::ip::tcp::endpoint lmtp);

// One transaction: MAIL, all RCPTs and DATA in one segment, as an MTA pipelines them, then
// the message. Every recipient has to be answered 250, and has it then in `acknowledged`;
// `each` is called for each of these answers.
asio::awaitable<void> Deliver(Connection* connection, std::span<User> recipients,
                              uint64_t number, const Messages* messages,
                              std::function<void()> each);

// To whom a message for these users is addressed.
std::string Addressee(std::span<const User> recipients);

}  // namespace restante::bench
