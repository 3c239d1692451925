// Deliver() against a server that says what it is told to say, whatever comes.
#include "plugins/deliver/delivery.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/config.h"
#include "plugins/deliver/config.h"

namespace restante::deliver {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kGreeting[] = "220 mx LMTP\r\n";
constexpr char kExtensions[] = "250-mx\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n";

// One connection. Each turn waits for octets that end in `until`, and answers.
class ScriptedServer {
 public:
  struct Turn {
    std::string until;
    std::string answer;
  };

  explicit ScriptedServer(std::vector<Turn> turns) {
    char directory[] = "/tmp/restante-deliver-test-XXXXXX";
    directory_ = mkdtemp(directory);
    path_ = directory_ + "/s";
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    thread_ = std::thread([this, turns = std::move(turns)] { Play(turns); });
  }

  ~ScriptedServer() {
    Join();
    close(listener_);
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }

  const std::string& path() const { return path_; }

  // All that came, once the connection is over.
  const std::string& Received() {
    Join();
    return received_;
  }

 private:
  void Join() {
    if (thread_.joinable()) thread_.join();
  }

  void Play(const std::vector<Turn>& turns) {
    const int fd = accept(listener_, nullptr, nullptr);
    std::string turn_input;
    for (const Turn& turn : turns) {
      turn_input.clear();
      while (!turn_input.ends_with(turn.until)) {
        char octets[65536];
        const ssize_t got = recv(fd, octets, sizeof(octets), 0);
        if (got <= 0) break;
        turn_input.append(octets, static_cast<size_t>(got));
        received_.append(octets, static_cast<size_t>(got));
      }
      send(fd, turn.answer.data(), turn.answer.size(), MSG_NOSIGNAL);
    }
    shutdown(fd, SHUT_WR);
    char rest[65536];
    ssize_t got = 0;
    while ((got = recv(fd, rest, sizeof(rest), 0)) > 0) {
      received_.append(rest, static_cast<size_t>(got));
    }
    close(fd);
  }

  std::string directory_;
  std::string path_;
  int listener_ = -1;
  std::string received_;
  std::thread thread_;
};

using Turns = std::vector<ScriptedServer::Turn>;

class DeliveryTest : public testing::Test {
 protected:
  void SetUp() override {
    config_ = DefaultConfig();
    config_.set_hostname("mx.test");
  }

  Outcome DeliverTo(const std::string& path, const std::string& message,
                    std::optional<std::string> sender,
                    const std::vector<std::string>& recipients = {"ann@example.org"}) {
    config_.set_lmtp(absl::StrCat("unix:", path));
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    std::thread writer([&] {
      EXPECT_EQ(write(ends[1], message.data(), message.size()),
                static_cast<ssize_t>(message.size()));
      close(ends[1]);
    });
    Outcome outcome = Deliver(ends[0], std::move(sender), recipients, config_);
    // What nobody has read must not hold up the writer.
    char rest[65536];
    while (read(ends[0], rest, sizeof(rest)) > 0) continue;
    writer.join();
    close(ends[0]);
    return outcome;
  }

  config::DeliverConfig config_;
};

TEST_F(DeliveryTest, SpeaksLmtpAndIsDoneWhenTheRecipientHasTheMessage) {
  ScriptedServer server({{"", kGreeting},
                         {"\r\n", kExtensions},
                         {"\r\n", "250 2.1.0 OK\r\n"},
                         {"\r\n", "250 2.1.5 OK\r\n"},
                         {"\r\n", "354 go\r\n"},
                         {"\r\n.\r\n", "250 2.0.0 Delivered\r\n"}});
  EXPECT_EQ(DeliverTo(server.path(), "Subject: a\n\n.\n", "bob@example.net").exit_code, EX_OK);
  EXPECT_EQ(server.Received(),
            "LHLO mx.test\r\nMAIL FROM:<bob@example.net> BODY=8BITMIME\r\n"
            "RCPT TO:<ann@example.org>\r\nDATA\r\nSubject: a\r\n\r\n..\r\n.\r\nQUIT\r\n");
}

TEST_F(DeliveryTest, TakesTheSenderOfAnMboxLineAndLeavesTheLineOut) {
  ScriptedServer server({{"", kGreeting},
                         {"\r\n", kExtensions},
                         {"\r\n", "250 OK\r\n"},
                         {"\r\n", "250 OK\r\n"},
                         {"\r\n", "354 go\r\n"},
                         {"\r\n.\r\n", "250 OK\r\n"}});
  const std::string message = "From carl@example.net  Sat Nov 28 05:00:00 2026\nSubject: a\n\n";
  EXPECT_EQ(DeliverTo(server.path(), message, std::nullopt).exit_code, EX_OK);
  EXPECT_THAT(server.Received(), HasSubstr("MAIL FROM:<carl@example.net> "));
  EXPECT_THAT(server.Received(), HasSubstr("DATA\r\nSubject: a\r\n\r\n.\r\n"));
}

TEST_F(DeliveryTest, AddressesOutsideAsciiAreSmtputf8) {
  ScriptedServer server({{"", kGreeting},
                         {"\r\n", kExtensions},
                         {"\r\n", "250 OK\r\n"},
                         {"\r\n", "550 5.1.1 No such recipient.\r\n"}});
  EXPECT_EQ(DeliverTo(server.path(), "a\n", "", {"ännchen@example.org"}).exit_code, EX_NOUSER);
  EXPECT_THAT(server.Received(), HasSubstr("MAIL FROM:<> BODY=8BITMIME SMTPUTF8\r\n"));
}

TEST_F(DeliveryTest, NobodyGetsTheMessageIfOneRecipientIsRefused) {
  ScriptedServer server({{"", kGreeting},
                         {"\r\n", kExtensions},
                         {"\r\n", "250 OK\r\n"},
                         {"\r\n", "250 OK\r\n"},
                         {"\r\n", "550 5.1.1 No such recipient.\r\n"}});
  const Outcome outcome =
      DeliverTo(server.path(), "a\n", "", {"ann@example.org", "nobody@example.org"});
  EXPECT_EQ(outcome.exit_code, EX_NOUSER);
  EXPECT_EQ(outcome.text, "5.1.1 <nobody@example.org>: No such recipient.\n");
  EXPECT_THAT(server.Received(), testing::Not(HasSubstr("DATA")));
}

TEST_F(DeliveryTest, WhatTheServerSaysBeforeItGoesIsTold) {
  ScriptedServer busy(Turns{{"", "421 4.3.2 Too many connections\r\n"}});
  EXPECT_EQ(DeliverTo(busy.path(), "a\n", "").text, "4.3.2 Too many connections\n");

  ScriptedServer leaving({{"", kGreeting},
                          {"\r\n", kExtensions},
                          {"\r\n", "250 OK\r\n"},
                          {"\r\n", "250 OK\r\n"},
                          {"\r\n", "354 go\r\n"},
                          {"x", "421 4.3.2 Shutting down\r\n"}});
  const Outcome outcome = DeliverTo(leaving.path(), std::string(1'000'000, 'x'), "");
  EXPECT_EQ(outcome.exit_code, EX_TEMPFAIL);
  EXPECT_THAT(outcome.text, StartsWith("4.3.2 "));
}

TEST_F(DeliveryTest, AServerThatGoesAwayIsTriedAgain) {
  for (const Turns& turns :
       std::vector<Turns>{{},
                          {{"", kGreeting}},
                          {{"", kGreeting}, {"\r\n", kExtensions}, {"\r\n", "250 OK\r\n"}},
                          {{"", kGreeting},
                           {"\r\n", kExtensions},
                           {"\r\n", "250 OK\r\n"},
                           {"\r\n", "250 OK\r\n"},
                           {"\r\n", "354 go\r\n"},
                           {"\r\n.\r\n", ""}}}) {
    ScriptedServer server(turns);
    const Outcome outcome = DeliverTo(server.path(), "a\n", "");
    EXPECT_EQ(outcome.exit_code, EX_TEMPFAIL);
    EXPECT_THAT(outcome.text, StartsWith("4.3.0 "));
  }
}

TEST_F(DeliveryTest, WhatIsNoLmtpServerIsTriedAgain) {
  for (const std::string& greeting :
       {std::string("HTTP/1.0 400 Bad request\r\n"), std::string(100'000, 'x'),
        std::string("220\r\n\r\n"), std::string("22\r\n"), std::string("999 x\r\n")}) {
    ScriptedServer server(Turns{{"", greeting}});
    EXPECT_EQ(DeliverTo(server.path(), "a\n", "").exit_code, EX_TEMPFAIL)
        << greeting.substr(0, 20);
  }
}

TEST_F(DeliveryTest, AServerThatIsNotThereIsTriedAgain) {
  const Outcome outcome = DeliverTo("/tmp/restante-deliver-test-nowhere", "a\n", "");
  EXPECT_EQ(outcome.exit_code, EX_TEMPFAIL);
  EXPECT_EQ(outcome.text, "4.3.0 can't connect to restante-lmtpd: No such file or directory\n");
}

TEST_F(DeliveryTest, ASilentServerHasAnEnd) {
  *config_.mutable_reply_timeout() = ToProto(absl::Milliseconds(50));
  ScriptedServer server({{"", kGreeting}, {"nothing ends in this", ""}});
  EXPECT_EQ(DeliverTo(server.path(), "a\n", "").text,
            "4.3.0 no answer of restante-lmtpd: Connection timed out\n");
}

TEST_F(DeliveryTest, AMessageThatCannotBeReadIsNotDeliveredInPart) {
  const int directory = open("/tmp", O_RDONLY | O_DIRECTORY);
  config_.set_lmtp("unix:/nowhere");
  const Outcome outcome = Deliver(directory, "", {"ann@example.org"}, config_);
  EXPECT_EQ(outcome.exit_code, EX_TEMPFAIL);
  EXPECT_THAT(outcome.text, HasSubstr("can't read the message"));
  close(directory);
}

}  // namespace
}  // namespace restante::deliver
