#include "tests/bench/dialogues.h"

#include <algorithm>
#include <charconv>

namespace restante::bench {
namespace {

using asio::awaitable;
using asio::ip::tcp;

awaitable<std::string_view> Ok(Connection* connection, std::string_view command) {
  co_await connection->Send(command);
  const std::string_view line = co_await connection->Line();
  if (line.substr(0, 3) != "+OK") {
    InvalidRun("\"" + std::string(command.substr(0, command.find('\r'))) +
               "\" was answered \"" + std::string(line) + "\"");
  }
  co_return line;
}

awaitable<void> LogIn(Connection* connection, tcp::endpoint pop3, const User* user) {
  co_await connection->Connect(pop3);
  co_await Ok(connection, "");
  const std::string name = "USER " + user->name + "\r\n";
  co_await Ok(connection, name);
  const std::string password = "PASS " + user->password + "\r\n";
  co_await Ok(connection, password);
}

awaitable<void> Quit(Connection* connection) {
  co_await Ok(connection, "QUIT\r\n");
  connection->Close();
}

uint64_t NumberAt(std::string_view text, size_t at) {
  uint64_t number = 0;
  if (at < text.size()) std::from_chars(text.data() + at, text.data() + text.size(), number);
  return number;
}

// A reply of LMTP, with all its lines; its code has to be `code`.
awaitable<void> Reply(Connection* connection, std::string_view code) {
  for (;;) {
    const std::string_view line = co_await connection->Line();
    if (line.substr(0, 3) != code) {
      InvalidRun("LMTP: expected " + std::string(code) + ", got \"" + std::string(line) + "\"");
    }
    if (line.size() < 4 || line[3] != '-') co_return;
  }
}

}  // namespace

awaitable<void> Poll(Connection* connection, tcp::endpoint pop3, User* user) {
  co_await LogIn(connection, pop3, user);
  const std::string_view stat = co_await Ok(connection, "STAT\r\n");
  const uint64_t count = NumberAt(stat, 4);
  if (count != user->messages) {
    InvalidRun(user->name + ": STAT says " + std::to_string(count) + " messages instead of " +
               std::to_string(user->messages));
  }
  co_await Ok(connection, "UIDL\r\n");
  const std::string_view uidls = co_await connection->Multiline();
  if (user->uidls.empty()) {
    user->uidls = uidls;
    if (static_cast<uint64_t>(std::count(uidls.begin(), uidls.end(), '\n')) != count) {
      InvalidRun(user->name + ": UIDL and STAT disagree");
    }
  } else if (uidls != user->uidls) {
    InvalidRun(user->name + ": UIDL has changed");
  }
  co_await Quit(connection);
}

awaitable<void> Fetch(Connection* connection, tcp::endpoint pop3, User* user,
                      FetchOptions options, const Messages* messages,
                      std::function<void(const MessageId&)> each) {
  co_await LogIn(connection, pop3, user);
  co_await Ok(connection, "LIST\r\n");
  const std::string list(co_await connection->Multiline());
  std::vector<uint64_t> octets;
  for (size_t at = 0; at < list.size(); at = list.find('\n', at) + 1) {
    octets.push_back(NumberAt(list, list.find(' ', at) + 1));
  }
  if (octets.size() > options.at_most) octets.resize(options.at_most);
  std::string commands;
  for (size_t i = 0; i < octets.size(); ++i) {
    commands += "RETR " + std::to_string(i + 1) + "\r\n";
  }
  std::string_view waiting = commands;
  if (options.pipelined) {
    co_await connection->Send(waiting);
    waiting = "";
  }
  for (size_t i = 0; i < octets.size(); ++i) {
    const std::string_view command = waiting.substr(0, waiting.find('\n') + 1);
    co_await Ok(connection, command);
    waiting.remove_prefix(command.size());
    const std::string_view message = co_await connection->Multiline();
    const MessageId id = messages->Check(message, octets[i]);
    if (id.user != user->name) InvalidRun(user->name + " was given a message of " + id.user);
    each(id);
  }
  co_await Quit(connection);
}

awaitable<void> Greet(Connection* connection, tcp::endpoint lmtp) {
  co_await connection->Connect(lmtp);
  co_await Reply(connection, "220");
  co_await connection->Send("LHLO load.example.org\r\n");
  co_await Reply(connection, "250");
}

awaitable<void> Deliver(Connection* connection, User* user, const Messages* messages) {
  const std::string envelope =
      "MAIL FROM:<ada.ferri@example.org>\r\nRCPT TO:<" + user->name + ">\r\nDATA\r\n";
  const MessageId id{user->name, user->next_number++};
  const std::string message = messages->OnTheWire(id) + ".\r\n";
  co_await connection->Send(envelope);
  co_await Reply(connection, "250");
  co_await Reply(connection, "250");
  co_await Reply(connection, "354");
  co_await connection->Send(message);
  co_await Reply(connection, "250");
  ++user->acknowledged;
}

}  // namespace restante::bench
