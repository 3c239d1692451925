#include "tests/bench/dialogues.h"

#include <algorithm>
#include <charconv>

namespace restante::bench {
namespace {

using asio::awaitable;
using asio::ip::tcp;

// So many commands may be ahead of their replies: more, and a server that first writes
// what it has been asked for would wait for us, and we for it.
constexpr size_t kWindow = 256;

awaitable<std::string_view> Ok(Connection* connection, std::string_view command) {
  co_await connection->Send(command);
  const std::string_view line = co_await connection->Line();
  if (line.substr(0, 3) != "+OK") {
    InvalidRun("\"" + std::string(command.substr(0, command.find('\r'))) +
               "\" was answered \"" + std::string(line) + "\"");
  }
  co_return line;
}

uint64_t NumberAt(std::string_view text, size_t at) {
  uint64_t number = 0;
  if (at < text.size()) std::from_chars(text.data() + at, text.data() + text.size(), number);
  return number;
}

std::string Commands(std::string_view verb, size_t first, size_t end) {
  std::string commands;
  for (size_t i = first; i < end; ++i) {
    commands.append(verb).append(" ").append(std::to_string(i + 1)).append("\r\n");
  }
  return commands;
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

// Reads the messages of a session, and deletes them if asked to.
class Reading {
 public:
  Reading(Connection* connection, const User* user, std::vector<uint64_t> octets,
          const Messages* messages, std::function<void(const MessageId&)> each)
      : connection_(connection),
        user_(user),
        octets_(std::move(octets)),
        messages_(messages),
        each_(std::move(each)) {}

  awaitable<void> OneByOne(bool erase) {
    for (size_t i = 0; i < octets_.size(); ++i) {
      const std::string retr = Commands("RETR", i, i + 1);
      co_await Read(retr, i);
      if (!erase) continue;
      const std::string dele = Commands("DELE", i, i + 1);
      co_await Ok(connection_, dele);
    }
  }

  awaitable<void> Pipelined(bool erase) {
    for (size_t first = 0; first < octets_.size(); first += kWindow) {
      const size_t end = std::min(first + kWindow, octets_.size());
      std::string commands = Commands("RETR", first, end);
      if (erase) commands += Commands("DELE", first, end);
      co_await connection_->Send(commands);
      for (size_t i = first; i < end; ++i) co_await Read("", i);
      for (size_t i = first; erase && i < end; ++i) co_await Ok(connection_, "");
    }
  }

 private:
  awaitable<void> Read(std::string_view command, size_t i) {
    co_await Ok(connection_, command);
    const std::string_view message = co_await connection_->Multiline();
    const MessageId id = messages_->Check(message, octets_[i]);
    if (id.user != user_->name && id.user != kEveryone) {
      InvalidRun(user_->name + " was given a message of " + id.user);
    }
    each_(id);
  }

  Connection* const connection_;
  const User* const user_;
  const std::vector<uint64_t> octets_;
  const Messages* const messages_;
  const std::function<void(const MessageId&)> each_;
};

}  // namespace

awaitable<void> LogIn(Connection* connection, tcp::endpoint pop3, const User* user) {
  co_await connection->Connect(pop3);
  co_await Ok(connection, "");
  const std::string name = "USER " + user->name + "\r\n";
  co_await Ok(connection, name);
  const std::string password = "PASS " + user->password + "\r\n";
  co_await Ok(connection, password);
}

awaitable<void> CheckStat(Connection* connection, const User* user) {
  const std::string_view stat = co_await Ok(connection, "STAT\r\n");
  const uint64_t count = NumberAt(stat, 4);
  if (count != user->messages) {
    InvalidRun(user->name + ": STAT says " + std::to_string(count) + " messages instead of " +
               std::to_string(user->messages));
  }
}

awaitable<void> Quit(Connection* connection) {
  co_await Ok(connection, "QUIT\r\n");
  connection->Close();
}

awaitable<void> CheckAlive(Connection* connection) { co_await Ok(connection, "NOOP\r\n"); }

awaitable<void> Poll(Connection* connection, tcp::endpoint pop3, User* user) {
  co_await LogIn(connection, pop3, user);
  co_await CheckStat(connection, user);
  co_await Ok(connection, "UIDL\r\n");
  const std::string_view uidls = co_await connection->Multiline();
  if (user->uidls.empty()) {
    user->uidls = uidls;
    if (static_cast<uint64_t>(std::count(uidls.begin(), uidls.end(), '\n')) != user->messages) {
      InvalidRun(user->name + ": UIDL and STAT disagree");
    }
  } else if (uidls != user->uidls) {
    InvalidRun(user->name + ": UIDL has changed");
  }
  co_await Quit(connection);
}

awaitable<void> TakeGreeting(Connection* connection) { co_await Ok(connection, ""); }

awaitable<void> Fetch(Connection* connection, tcp::endpoint pop3, const User* user,
                      FetchOptions options, const Messages* messages,
                      std::function<void(const MessageId&)> each) {
  co_await LogIn(connection, pop3, user);
  co_await Ok(connection, "LIST\r\n");
  const std::string_view list = co_await connection->Multiline();
  std::vector<uint64_t> octets;
  for (size_t at = 0; at < list.size(); at = list.find('\n', at) + 1) {
    octets.push_back(NumberAt(list, list.find(' ', at) + 1));
  }
  Reading reading(connection, user, std::move(octets), messages, std::move(each));
  if (options.pipelined) {
    co_await reading.Pipelined(options.erase);
  } else {
    co_await reading.OneByOne(options.erase);
  }
  co_await Quit(connection);
}

awaitable<void> GreetLmtp(Connection* connection, tcp::endpoint lmtp) {
  co_await connection->Connect(lmtp);
  co_await Reply(connection, "220");
  co_await connection->Send("LHLO load.example.org\r\n");
  co_await Reply(connection, "250");
}

std::string Addressee(std::span<const User> recipients) {
  return recipients.size() == 1 ? recipients[0].name : std::string(kEveryone);
}

awaitable<void> Deliver(Connection* connection, std::span<User> recipients, uint64_t number,
                        const Messages* messages, std::function<void()> each) {
  std::string envelope = "MAIL FROM:<ada.ferri@example.org>\r\n";
  for (const User& user : recipients) {
    envelope.append("RCPT TO:<").append(user.name).append(">\r\n");
  }
  envelope += "DATA\r\n";
  const MessageId id{Addressee(recipients), number};
  const std::string message = messages->OnTheWire(id) + ".\r\n";
  co_await connection->Send(envelope);
  co_await Reply(connection, "250");
  for (size_t i = 0; i < recipients.size(); ++i) co_await Reply(connection, "250");
  co_await Reply(connection, "354");
  co_await connection->Send(message);
  for (User& user : recipients) {
    co_await Reply(connection, "250");
    user.acknowledged.push_back(number);
    each();
  }
}

}  // namespace restante::bench
