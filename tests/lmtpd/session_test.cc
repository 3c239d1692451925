// Dialogues: what each command is answered, in which state, and what reaches the storage
// service in the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/lmtpd/lmtp_test.h"

namespace restante::lmtp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class SessionTest : public LmtpTest {};

TEST_F(SessionTest, GreetsAndListsItsExtensionsToLhlo) {
  StartServer([](config::LmtpdConfig& config) { config.set_max_message_octets(1000); });
  LmtpClient client(port());
  EXPECT_EQ(client.Reply(), "220 mx.test LMTP Restante");
  EXPECT_EQ(client.Command("LHLO client.example"),
            "250-mx.test|250-PIPELINING|250-ENHANCEDSTATUSCODES|250-8BITMIME|250-SMTPUTF8|"
            "250-CHUNKING|250 SIZE 1000");
  EXPECT_EQ(client.Command("LHLO"), "501 5.5.4 Syntax: LHLO hostname");
}

TEST_F(SessionTest, TellsSmtpClientsToUseLhlo) {
  StartServer();
  LmtpClient client(port());
  client.Reply();
  EXPECT_EQ(client.Command("EHLO client.example"), "500 5.5.1 This is LMTP: use LHLO");
  EXPECT_EQ(client.Command("HELO client.example"), "500 5.5.1 This is LMTP: use LHLO");
  EXPECT_THAT(client.Command("LHLO client.example"), StartsWith("250-"));
}

TEST_F(SessionTest, DeliversAMessage) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  EXPECT_EQ(client.Command("MAIL FROM:<sender@example.org>"), "250 2.1.0 Sender OK");
  EXPECT_EQ(client.Command("RCPT TO:<user+detail@example.org>"), "250 2.1.5 Recipient OK");
  EXPECT_EQ(client.Command("DATA"), "354 End the message with <CRLF>.<CRLF>");
  client.Send("Subject: x\r\n\r\n..\r\nbare\nlf\r\n");
  EXPECT_THAT(client.Command("."), StartsWith("250 2.0.0 Delivered, request "));
  EXPECT_EQ(client.Command("QUIT"), "221 2.0.0 Bye");
  EXPECT_EQ(client.Rest(), "");

  const std::vector<FakeStorage::Delivery> deliveries = storage_.Deliveries(1);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_EQ(deliveries[0].message, "Subject: x\r\n\r\n.\r\nbare\nlf\r\n");
  const v1::Envelope& envelope = deliveries[0].envelope;
  EXPECT_EQ(envelope.sender(), "sender@example.org");
  EXPECT_THAT(envelope.recipients(), ElementsAre("user+detail@example.org"));
  EXPECT_FALSE(envelope.smtputf8());
  EXPECT_EQ(envelope.delivery_id(), "");
  EXPECT_EQ(envelope.client().protocol(), "lmtp");
  EXPECT_THAT(envelope.client().remote_address(), StartsWith("127.0.0.1:"));
  EXPECT_NE(envelope.client().request_id(), "");
}

TEST_F(SessionTest, AMessageWithTheMtasQueueIdGetsADeliveryId) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  const std::string received = "Received: from x by mx.test with ESMTP id 5A780FB; date\r\n";
  for (const size_t octets : {10, 200'000}) {
    BeginMessage(client, {"user@example.org"});
    client.Send(received + "\r\n" + std::string(octets, 'x') + "\r\n");
    EXPECT_THAT(client.Command("."), StartsWith("250 2.0.0 Delivered"));
  }
  for (const FakeStorage::Delivery& delivery : storage_.Deliveries(2)) {
    EXPECT_THAT(delivery.envelope.delivery_id(), StartsWith("mta:5A780FB:"));
  }
}

TEST_F(SessionTest, TakesWhatAsksForNotificationsAndAnnouncesItIfToldTo) {
  for (const bool announced : {false, true}) {
    StartServer(
        [announced](config::LmtpdConfig& config) { config.set_announce_dsn(announced); });
    LmtpClient client(port());
    client.Reply();
    const std::string extensions = client.Command("LHLO client.example");
    EXPECT_EQ(extensions.find("|250-DSN|") != std::string::npos, announced) << extensions;
    EXPECT_THAT(client.Command("MAIL FROM:<a@b> RET=HDRS ENVID=x"), StartsWith("250 "));
    EXPECT_THAT(client.Command("RCPT TO:<user> NOTIFY=NEVER ORCPT=rfc822;user@c"),
                StartsWith("250 "));
    EXPECT_THAT(client.Command("RCPT TO:<user> NOTIFY=SOMETIMES"), StartsWith("501 5.5.4 "));
    EXPECT_THAT(client.Command("DATA"), StartsWith("354 "));
    EXPECT_THAT(client.Command("."), StartsWith("250 2.0.0 Delivered"));
  }
}

TEST_F(SessionTest, TakesBouncesUtf8AndDeclaredSizes) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("MAIL FROM:<> SIZE=17 BODY=8BITMIME SMTPUTF8"),
              StartsWith("250 "));
  EXPECT_THAT(client.Command("RCPT TO:<jürgen@bücher.example>"), StartsWith("250 "));
  EXPECT_THAT(client.Command("DATA"), StartsWith("354 "));
  EXPECT_THAT(client.Command("."), StartsWith("250 "));
  const v1::Envelope envelope = storage_.Deliveries(1)[0].envelope;
  EXPECT_EQ(envelope.sender(), "");
  EXPECT_EQ(envelope.declared_octets(), 17u);
  EXPECT_TRUE(envelope.smtputf8());
  EXPECT_THAT(envelope.recipients(), ElementsAre("jürgen@bücher.example"));
  ASSERT_EQ(storage_.Checks().size(), 1u);
  EXPECT_EQ(storage_.Checks()[0].declared_octets(), 17u);
}

TEST_F(SessionTest, AnswersEachRecipientForItself) {
  StartServer();
  storage_.AnswerChecks("unknown", MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, ""));
  storage_.AnswerChecks("full", MakeError(v1::ERROR_REASON_OVER_QUOTA, ""));
  storage_.AnswerChecks("small", MakeError(v1::ERROR_REASON_TOO_LARGE, ""));
  storage_.AnswerChecks("broken", MakeError(v1::ERROR_REASON_STORE_FAILURE, ""));
  LmtpClient client(port());
  client.Greet();
  client.Command("MAIL FROM:<>");
  EXPECT_THAT(client.Command("RCPT TO:<unknown>"), StartsWith("550 5.1.1 "));
  EXPECT_THAT(client.Command("RCPT TO:<full>"), StartsWith("452 4.2.2 "));
  EXPECT_THAT(client.Command("RCPT TO:<small>"), StartsWith("552 5.3.4 "));
  EXPECT_THAT(client.Command("RCPT TO:<broken>"), StartsWith("451 4.3.0 "));
  EXPECT_EQ(client.Command("DATA"), "503 5.5.1 No valid recipients");
  EXPECT_THAT(client.Command("RCPT TO:<user>"), StartsWith("250 "));
  EXPECT_THAT(client.Command("DATA"), StartsWith("354 "));
  EXPECT_THAT(client.Command("."), StartsWith("250 "));
  EXPECT_THAT(storage_.Deliveries(1)[0].envelope.recipients(), ElementsAre("user"));
}

TEST_F(SessionTest, RepliesOncePerRecipientInTheirOrderAfterTheMessage) {
  StartServer();
  storage_.AnswerDeliveries("b", MakeError(v1::ERROR_REASON_OVER_QUOTA, ""));
  storage_.AnswerDeliveries("d", MakeError(v1::ERROR_REASON_STORE_FULL, ""));
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a", "b", "c", "d", "a"});
  client.Send("x\r\n.\r\n");
  EXPECT_THAT(client.Replies(5), ElementsAre(StartsWith("250 2.0.0 "), StartsWith("452 4.2.2 "),
                                             StartsWith("250 2.0.0 "), StartsWith("452 4.3.1 "),
                                             StartsWith("250 2.0.0 ")));
}

TEST_F(SessionTest, RefusesCommandsOutOfSequence) {
  StartServer();
  LmtpClient client(port());
  client.Reply();
  EXPECT_EQ(client.Command("MAIL FROM:<>"), "503 5.5.1 Send LHLO first");
  EXPECT_EQ(client.Command("RCPT TO:<user>"), "503 5.5.1 Send LHLO first");
  EXPECT_EQ(client.Command("DATA"), "503 5.5.1 Send LHLO first");
  client.Command("LHLO client.example");
  EXPECT_EQ(client.Command("RCPT TO:<user>"), "503 5.5.1 Send MAIL first");
  EXPECT_EQ(client.Command("DATA"), "503 5.5.1 Send MAIL first");
  client.Command("MAIL FROM:<a@example.org>");
  EXPECT_THAT(client.Command("MAIL FROM:<b@example.org>"), StartsWith("503 5.5.1 "));
  EXPECT_EQ(client.Command("DATA"), "503 5.5.1 No valid recipients");
  EXPECT_THAT(client.Command("RCPT TO:<user>"), StartsWith("250 "));
  EXPECT_EQ(client.Command("DATA now"), "501 5.5.4 This command takes no argument");
  EXPECT_EQ(storage_.Checks().size(), 1u);
}

TEST_F(SessionTest, ForgetsTheTransactionAtRsetAndLhlo) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  for (const std::string command : {"RSET", "LHLO again.example"}) {
    EXPECT_THAT(client.Command("MAIL FROM:<>"), StartsWith("250 "));
    EXPECT_THAT(client.Command("RCPT TO:<user>"), StartsWith("250 "));
    EXPECT_THAT(client.Command(command), StartsWith("250"));
    EXPECT_EQ(client.Command("RCPT TO:<user>"), "503 5.5.1 Send MAIL first");
  }
}

TEST_F(SessionTest, AnswersWhatNeedsNoTransaction) {
  StartServer();
  LmtpClient client(port());
  client.Reply();
  EXPECT_EQ(client.Command("NOOP ignored words"), "250 2.0.0 OK");
  EXPECT_THAT(client.Command("VRFY user"), StartsWith("252 2.1.5 "));
  EXPECT_THAT(client.Command("VRFY"), StartsWith("501 5.5.4 "));
  EXPECT_THAT(client.Command("HELP"), StartsWith("214 2.0.0 "));
  EXPECT_EQ(client.Command("RSET"), "250 2.0.0 Reset");
  EXPECT_THAT(client.Command("STARTTLS"), StartsWith("502 5.5.1 "));
  EXPECT_THAT(client.Command("EXPN list"), StartsWith("502 5.5.1 "));
  EXPECT_EQ(client.Command("HELLO"), "500 5.5.1 Unknown command");
}

TEST_F(SessionTest, AnswersPipelinedCommandsInTheirOrder) {
  StartServer();
  storage_.AnswerChecks("unknown", MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, ""));
  LmtpClient client(port());
  client.Send(
      "LHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<user>\r\nRCPT TO:<>\r\n"
      "RCPT TO:<unknown>\r\nNOOP\r\nRCPT TO:<other>\r\nDATA\r\n");
  EXPECT_THAT(
      client.Replies(9),
      ElementsAre(StartsWith("220 "), StartsWith("250-"), StartsWith("250 2.1.0"),
                  StartsWith("250 2.1.5"), StartsWith("501 5.1.3"), StartsWith("550 5.1.1"),
                  StartsWith("250 2.0.0"), StartsWith("250 2.1.5"), StartsWith("354 ")));
  client.Send("x\r\n.\r\nMAIL FROM:<>\r\nQUIT\r\n");
  EXPECT_THAT(client.Replies(4), ElementsAre(StartsWith("250 2.0.0"), StartsWith("250 2.0.0"),
                                             StartsWith("250 2.1.0"), StartsWith("221 ")));
  EXPECT_THAT(storage_.Deliveries(1)[0].envelope.recipients(), ElementsAre("user", "other"));
}

TEST_F(SessionTest, AsksOnceForRecipientsThatArePipelined) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  std::vector<std::string> recipients;
  for (int i = 0; i < 50; ++i) recipients.push_back("user" + std::to_string(i));
  BeginMessage(client, recipients);
  const auto checks = storage_.Checks();
  ASSERT_EQ(checks.size(), 1u);
  EXPECT_THAT(checks[0].recipients(), testing::ElementsAreArray(recipients));
}

TEST_F(SessionTest, SendsAMessageForFiftyRecipientsOnce) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  std::vector<std::string> recipients;
  for (int i = 0; i < 50; ++i) recipients.push_back("user" + std::to_string(i));
  BeginMessage(client, recipients);
  client.Send("hello\r\n.\r\n");
  for (const std::string& reply : client.Replies(50)) EXPECT_THAT(reply, StartsWith("250 "));
  const auto deliveries = storage_.Deliveries(1);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_THAT(deliveries[0].envelope.recipients(), testing::ElementsAreArray(recipients));
  EXPECT_EQ(storage_.octets(), 7u);
  // One question and one delivery.
  EXPECT_EQ(storage_.parts(), 2);
}

TEST_F(SessionTest, RefusesRecipientsBeyondTheLimit) {
  StartServer([](config::LmtpdConfig& config) { config.set_max_recipients(3); });
  storage_.AnswerChecks("unknown", MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, ""));
  LmtpClient client(port());
  client.Greet();
  client.Send(
      "MAIL FROM:<>\r\nRCPT TO:<a>\r\nRCPT TO:<unknown>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\n"
      "RCPT TO:<d>\r\nRCPT TO:<e>\r\nDATA\r\n");
  EXPECT_THAT(client.Replies(8),
              ElementsAre(StartsWith("250"), StartsWith("250"), StartsWith("550 5.1.1"),
                          StartsWith("250"), StartsWith("250"), StartsWith("452 4.5.3"),
                          StartsWith("452 4.5.3"), StartsWith("354")));
}

TEST_F(SessionTest, LimitsDeliveriesToOneRecipientAtOnce) {
  StartServer([](config::LmtpdConfig& config) { config.set_max_deliveries_per_recipient(1); });
  storage_.AnswerChecks("unknown", MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, ""));
  LmtpClient first(port());
  first.Greet();
  BeginMessage(first, {"user", "user"});
  LmtpClient second(port());
  second.Greet();
  second.Send("MAIL FROM:<>\r\nRCPT TO:<USER+x>\r\nRCPT TO:<unknown>\r\nRCPT TO:<other>\r\n");
  EXPECT_THAT(second.Replies(4), ElementsAre(StartsWith("250"), StartsWith("451 4.3.2"),
                                             StartsWith("550 5.1.1"), StartsWith("250")));
  first.Send(".\r\n");
  EXPECT_THAT(first.Replies(2), ElementsAre(StartsWith("250 2.0.0"), StartsWith("250 2.0.0")));
  EXPECT_THAT(second.Command("RCPT TO:<user>"), StartsWith("250 2.1.5"));
  EXPECT_THAT(second.Command("RSET"), StartsWith("250 "));
  BeginMessage(first, {"user"});
}

TEST_F(SessionTest, RefusesADeclaredSizeBeyondTheLimitAtMail) {
  StartServer([](config::LmtpdConfig& config) { config.set_max_message_octets(1000); });
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("MAIL FROM:<> SIZE=1001"), StartsWith("552 5.3.4 "));
  EXPECT_THAT(client.Command("MAIL FROM:<> SIZE=99999999999999999999"),
              StartsWith("552 5.3.4 "));
  EXPECT_THAT(client.Command("MAIL FROM:<> SIZE=1000"), StartsWith("250 "));
}

TEST_F(SessionTest, RefusesAMessageThatGrowsBeyondTheLimit) {
  for (const uint64_t limit : {uint64_t{1000}, uint64_t{200'000}}) {
    StartServer([limit](config::LmtpdConfig& config) { config.set_max_message_octets(limit); });
    LmtpClient client(port());
    client.Greet();
    BeginMessage(client, {"a", "b"});
    client.Send(std::string(limit - 1, 'x') + "\r\n.\r\n");
    EXPECT_THAT(client.Replies(2),
                ElementsAre(StartsWith("552 5.3.4 "), StartsWith("552 5.3.4 ")));
    BeginMessage(client, {"a"});
    client.Send(std::string(limit - 2, 'x') + "\r\n.\r\n");
    EXPECT_THAT(client.Reply(), StartsWith("250 "));
  }
  EXPECT_EQ(storage_.Deliveries(2).size(), 2u);
}

TEST_F(SessionTest, TakesAMessageInChunks) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  client.Command("MAIL FROM:<>");
  client.Command("RCPT TO:<a>");
  client.Command("RCPT TO:<b>");
  EXPECT_EQ(client.Command("BDAT 10\r\nab\r\n.\r\nc"), "250 2.0.0 Chunk received");
  client.Send("BDAT 4\r\n.\r\n.BDAT 0 LAST\r\nNOOP\r\n");
  EXPECT_THAT(client.Replies(4),
              ElementsAre(StartsWith("250 2.0.0 Chunk"), StartsWith("250 2.0.0 Delivered"),
                          StartsWith("250 2.0.0 Delivered"), StartsWith("250 2.0.0 OK")));
  EXPECT_EQ(storage_.Deliveries(1)[0].message, "ab\r\n.\r\nc\r\n.\r\n.");
}

TEST_F(SessionTest, CountsTheSizeOfAllChunksTogether) {
  StartServer([](config::LmtpdConfig& config) { config.set_max_message_octets(10); });
  LmtpClient client(port());
  client.Greet();
  client.Send(
      "MAIL FROM:<>\r\nRCPT TO:<a>\r\nBDAT 8\r\n12345678BDAT 8\r\n12345678"
      "BDAT 2 LAST\r\n12RSET\r\n");
  EXPECT_THAT(client.Replies(6),
              ElementsAre(StartsWith("250"), StartsWith("250"), StartsWith("250 2.0.0 Chunk"),
                          StartsWith("552 5.3.4"), StartsWith("503 5.5.1"), StartsWith("250")));
}

TEST_F(SessionTest, SwallowsChunksThatAreNotWanted) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  client.Send("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
  EXPECT_THAT(client.Replies(2),
              ElementsAre("503 5.5.1 Send MAIL first", StartsWith("250 2.0.0 OK")));
  client.Send("MAIL FROM:<>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n");
  EXPECT_THAT(client.Replies(3), ElementsAre(StartsWith("250"), "503 5.5.1 No valid recipients",
                                             StartsWith("250 2.0.0 OK")));
}

TEST_F(SessionTest, DoesNotMixChunksWithData) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  client.Send("MAIL FROM:<>\r\nRCPT TO:<a>\r\nBDAT 1\r\nxDATA\r\nRCPT TO:<b>\r\n");
  EXPECT_THAT(client.Replies(5),
              ElementsAre(StartsWith("250"), StartsWith("250"), StartsWith("250"),
                          StartsWith("503 5.5.1"), StartsWith("503 5.5.1")));
}

TEST_F(SessionTest, ServesAUnixSocket) {
  const std::string path = testing::TempDir() + "/lmtp-" + std::to_string(getpid()) + ".sock";
  StartServer([&](config::LmtpdConfig& config) { config.add_listen("unix:" + path); });
  EXPECT_EQ(server().addresses()[1].unix_path, path);
  LmtpClient client(path);
  client.Greet();
  BeginMessage(client, {"user"});
  EXPECT_THAT(client.Command("."), StartsWith("250 "));
  EXPECT_EQ(storage_.Deliveries(1)[0].envelope.client().remote_address(), "unix");
  server().Stop();
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST_F(SessionTest, DeliversNothingWhenTheConnectionEndsInsideAMessage) {
  StartServer();
  for (const std::string begin : {"DATA\r\nabc\r\n.", "BDAT 100 LAST\r\nabc"}) {
    LmtpClient client(port());
    client.Greet();
    client.Send("MAIL FROM:<>\r\nRCPT TO:<user>\r\n" + begin);
    client.ShutdownSend();
    EXPECT_THAT(client.Rest(), HasSubstr("250 2.1.5"));
  }
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"last"});
  EXPECT_THAT(client.Command("."), StartsWith("250 "));
  ASSERT_EQ(storage_.Deliveries(1).size(), 1u);
  EXPECT_THAT(storage_.Deliveries(1)[0].envelope.recipients(), ElementsAre("last"));
}

}  // namespace
}  // namespace restante::lmtp
