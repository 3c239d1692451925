// Clients that are broken or mean: each gets a proper reply, and costs a bounded amount
// of memory and time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/config.h"
#include "tests/lmtpd/lmtp_test.h"

namespace restante::lmtp {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::StartsWith;

class HostileTest : public LmtpTest {};

TEST_F(HostileTest, TakesOctetsOneAtATime) {
  StartServer();
  LmtpClient client(port());
  for (const char octet : std::string("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<user>\r\nDATA\r\n")) {
    client.Send(std::string(1, octet));
  }
  EXPECT_THAT(client.Replies(5),
              ElementsAre(StartsWith("220"), StartsWith("250-"), StartsWith("250"),
                          StartsWith("250"), StartsWith("354")));
  for (const char octet : std::string("a\r\n..\r\n.\r\nQUIT\r\n")) {
    client.Send(std::string(1, octet));
  }
  EXPECT_THAT(client.Replies(2), ElementsAre(StartsWith("250"), StartsWith("221")));
  EXPECT_EQ(storage_.Deliveries(1)[0].message, "a\r\n.\r\n");
}

TEST_F(HostileTest, AnswersTenThousandRecipients) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  std::string commands = "MAIL FROM:<>\r\n";
  for (int i = 0; i < 10'000; ++i) commands += "RCPT TO:<u" + std::to_string(i) + "@x.org>\r\n";
  client.Send(commands + "NOOP\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("250 2.1.0"));
  const std::vector<std::string> replies = client.Replies(10'000);
  for (size_t i = 0; i < replies.size(); ++i) {
    ASSERT_THAT(replies[i], StartsWith(i < 1000 ? "250 2.1.5" : "452 4.5.3")) << i;
  }
  EXPECT_THAT(client.Reply(), StartsWith("250 2.0.0 OK"));
}

TEST_F(HostileTest, DeliversToAThousandRecipients) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  std::vector<std::string> recipients;
  for (int i = 0; i < 1000; ++i) recipients.push_back("u" + std::to_string(i) + "@x.org");
  BeginMessage(client, recipients);
  client.Send("x\r\n.\r\n");
  for (const std::string& reply : client.Replies(1000)) ASSERT_THAT(reply, StartsWith("250"));
  EXPECT_EQ(storage_.Deliveries(1)[0].envelope.recipients_size(), 1000);
}

TEST_F(HostileTest, TakesAnEndlessHeaderLine) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"user"});
  const std::string message = "Subject: " + std::string(20'000'000, 'x') + "\r\n";
  client.Send(message + ".\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("250 2.0.0"));
  EXPECT_TRUE(storage_.Deliveries(1)[0].message == message);
}

TEST_F(HostileTest, TakesNulsInMessagesAndRefusesThemInCommands) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command(std::string("NOOP\0x", 6)), StartsWith("500 5.5.2 "));
  EXPECT_THAT(client.Command(std::string("RCPT TO:<a\0b>", 13)), StartsWith("500 5.5.2 "));
  BeginMessage(client, {"user"});
  const std::string message("\0\0a\0\r\n", 6);
  client.Send(message + ".\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("250 2.0.0"));
  EXPECT_EQ(storage_.Deliveries(1)[0].message, message);
}

TEST_F(HostileTest, SkipsEndlessCommandLinesAndUnderstandsTheNext) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command(std::string(3000, 'x')), StartsWith("500 5.5.2 "));
  EXPECT_THAT(client.Command(std::string(10'000'000, 'x')), StartsWith("500 5.5.2 "));
  EXPECT_THAT(client.Command("MAIL FROM:<" + std::string(1900, 'a') + "@example.org>"),
              StartsWith("250 2.1.0"));
}

TEST_F(HostileTest, ClosesAfterTooManyBadCommands) {
  StartServer([](config::LmtpdConfig& config) { config.set_max_bad_commands(3); });
  LmtpClient client(port());
  client.Greet();
  std::string commands;
  for (int i = 0; i < 1000; ++i) commands += "Received: from somewhere\r\n";
  client.Send(commands);
  EXPECT_THAT(client.Replies(5),
              ElementsAre(StartsWith("500 "), StartsWith("500 "), StartsWith("500 "),
                          StartsWith("500 "), StartsWith("421 4.7.0 ")));
  EXPECT_EQ(client.Rest(), "");
}

TEST_F(HostileTest, SaysNothingBehindThe421) {
  StartServer([](config::LmtpdConfig& config) { config.set_max_bad_commands(3); });
  LmtpClient client(port());
  client.Greet();
  // Recipients that come together are asked for, and answered, together.
  std::string commands = "MAIL FROM:<>\r\n";
  for (int i = 0; i < 1000; ++i) commands += "RCPT TO:<@@>\r\n";
  client.Send(commands);
  EXPECT_THAT(client.Replies(6),
              ElementsAre(StartsWith("250 "), StartsWith("501 "), StartsWith("501 "),
                          StartsWith("501 "), StartsWith("501 "), StartsWith("421 4.7.0 ")));
  EXPECT_EQ(client.Rest(), "");
}

TEST_F(HostileTest, ForgivesBadCommandsAfterADelivery) {
  StartServer([](config::LmtpdConfig& config) { config.set_max_bad_commands(3); });
  LmtpClient client(port());
  client.Greet();
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 3; ++i) EXPECT_THAT(client.Command("BAD"), StartsWith("500 "));
    BeginMessage(client, {"user"});
    EXPECT_THAT(client.Command("."), StartsWith("250 "));
  }
}

TEST_F(HostileTest, WaitsForAClientThatDoesNotReadItsReplies) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  std::string commands;
  while (commands.size() < 32'000'000) commands += "NOOP\r\n";
  const size_t sent = client.SendUntilBlocked(commands);
  // Replies fill the sockets, and then nothing more is read.
  EXPECT_LT(sent, commands.size());
  const size_t whole = sent / 6;
  for (size_t i = 0; i < whole; ++i) ASSERT_EQ(client.Reply(), "250 2.0.0 OK") << i;
}

TEST_F(HostileTest, RefusesConnectionsBeyondTheLimit) {
  StartServer([](config::LmtpdConfig& config) { config.set_max_connections(2); });
  LmtpClient first(port());
  first.Greet();
  auto second = std::make_unique<LmtpClient>(port());
  second->Greet();
  LmtpClient third(port());
  EXPECT_THAT(third.Rest(), AllOf(StartsWith("421 4.3.2 "), EndsWith("\r\n")));
  EXPECT_THAT(second->Command("QUIT"), StartsWith("221 "));
  EXPECT_EQ(second->Rest(), "");
  // The place is free once the server has noticed; until then it says 421.
  std::string greeting;
  while (!greeting.starts_with("220 ")) greeting = LmtpClient(port()).Reply();
}

TEST_F(HostileTest, ClosesWhenNoCommandComes) {
  StartServer([](config::LmtpdConfig& config) {
    *config.mutable_command_timeout() = ToProto(absl::Milliseconds(50));
  });
  LmtpClient client(port());
  EXPECT_THAT(client.Reply(), StartsWith("220 "));
  EXPECT_THAT(client.Reply(), StartsWith("421 4.4.2 "));
  EXPECT_EQ(client.Rest(), "");
}

TEST_F(HostileTest, ClosesWhenAMessageStalls) {
  StartServer([](config::LmtpdConfig& config) {
    *config.mutable_data_timeout() = ToProto(absl::Milliseconds(50));
  });
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"user"});
  client.Send("Subject: half\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("421 4.4.2 "));
  EXPECT_EQ(client.Rest(), "");
  EXPECT_TRUE(storage_.Deliveries(0).empty());
}

TEST_F(HostileTest, NeverEndsAMessageAtASmuggledEnd) {
  StartServer();
  for (const std::string end : {"\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n"}) {
    LmtpClient client(port());
    client.Greet();
    BeginMessage(client, {"user"});
    client.Send("a" + end);
    client.Send("MAIL FROM:<evil@example.org>\r\n");
    client.Send(".\r\nNOOP\r\n");
    EXPECT_THAT(client.Replies(2),
                ElementsAre(StartsWith("250 2.0.0 Delivered"), "250 2.0.0 OK"));
  }
  EXPECT_EQ(storage_.Deliveries(6).size(), 6u);
}

}  // namespace
}  // namespace restante::lmtp
