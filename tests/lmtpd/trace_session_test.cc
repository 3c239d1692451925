// Trace fields on messages that are delivered: on top, counted by nobody, and for each
// recipient by himself where they name him.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/lmtpd/lmtp_test.h"

namespace restante::lmtp {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::StartsWith;

const char kMessage[] = "Subject: x\r\n\r\nhello\r\n";

// Of 3 MB.
std::string LargeMessage() {
  std::string message = "Subject: large\r\n\r\n";
  for (int i = 0; i < 50'000; ++i) message += std::string(60, 'x') + "\r\n";
  return message;
}

class TraceTest : public LmtpTest {
 protected:
  void StartTracing(const TraceSettings& settings, const Configure& configure = nullptr) {
    StartServer([&](config::LmtpdConfig& config) {
      config.mutable_trace_fields()->set_return_path(settings.return_path);
      config.mutable_trace_fields()->set_delivered_to(settings.delivered_to);
      config.mutable_trace_fields()->set_received(settings.received);
      if (configure) configure(config);
    });
  }

  // What the storage service got, by recipient; expects one in each delivery.
  std::map<std::string, std::string> Stored(size_t deliveries) {
    std::map<std::string, std::string> stored;
    for (const FakeStorage::Delivery& delivery : storage_.Deliveries(deliveries)) {
      EXPECT_EQ(delivery.envelope.recipients_size(), 1);
      stored[delivery.envelope.recipients(0)] = delivery.message;
    }
    return stored;
  }
};

TEST_F(TraceTest, PutsTheFieldsOnTop) {
  StartTracing({.return_path = true, .delivered_to = true, .received = true});
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"user"});
  client.Send(std::string(kMessage) + ".\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("250 2.0.0 Delivered"));
  const std::string stored = Stored(1)["user"];
  EXPECT_THAT(stored, StartsWith("Return-Path: <sender@example.org>\r\n"
                                 "Delivered-To: user\r\n"
                                 "Received: from client.example ([127.0.0.1])\r\n"
                                 "\tby mx.test with LMTP id "));
  EXPECT_THAT(stored, testing::HasSubstr("\r\n\tfor <user>;\r\n\t"));
  EXPECT_THAT(stored, EndsWith(std::string(" +0000\r\n") + kMessage));
}

TEST_F(TraceTest, SharesTheMessageWhileTheFieldsAreThoseOfAll) {
  StartTracing({.return_path = true, .received = true});
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a", "b"});
  client.Send(std::string(kMessage) + ".\r\n");
  EXPECT_THAT(client.Replies(2), Each(StartsWith("250 2.0.0 Delivered")));
  const std::vector<FakeStorage::Delivery> deliveries = storage_.Deliveries(1);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_THAT(deliveries[0].envelope.recipients(), ElementsAre("a", "b"));
  EXPECT_EQ(deliveries[0].message.find("\tfor "), std::string::npos);
}

TEST_F(TraceTest, EachRecipientHasItsOwnDeliveredTo) {
  StartTracing({.delivered_to = true});
  storage_.AnswerDeliveries("b", MakeError(v1::ERROR_REASON_OVER_QUOTA, ""));
  for (const std::string& message : {std::string(kMessage), LargeMessage()}) {
    LmtpClient client(port());
    client.Greet();
    BeginMessage(client, {"a", "b", "c"});
    client.Send(message + ".\r\n");
    EXPECT_THAT(client.Replies(3), ElementsAre(StartsWith("250 2.0.0"), StartsWith("452 4.2.2"),
                                               StartsWith("250 2.0.0")));
    const auto stored = Stored(message == kMessage ? 3 : 6);
    for (const std::string recipient : {"a", "b", "c"}) {
      EXPECT_TRUE(stored.at(recipient) == "Delivered-To: " + recipient + "\r\n" + message);
    }
  }
  EXPECT_LE(storage_.largest_part(), size_t{256} * 1024);
  // The shared one, and one for each message.
  EXPECT_EQ(storage_.streams(), 3);
}

TEST_F(TraceTest, DeliversToAThousandRecipientsOneByOne) {
  StartTracing({.delivered_to = true});
  LmtpClient client(port());
  client.Greet();
  std::vector<std::string> recipients;
  for (int i = 0; i < 1000; ++i) recipients.push_back("u" + std::to_string(i));
  BeginMessage(client, recipients);
  client.Send(std::string(kMessage) + ".\r\n");
  for (const std::string& reply : client.Replies(1000)) ASSERT_THAT(reply, StartsWith("250"));
  EXPECT_EQ(Stored(1000).size(), 1000u);
}

TEST_F(TraceTest, TakesChunks) {
  StartTracing({.delivered_to = true});
  LmtpClient client(port());
  client.Greet();
  const std::string message = LargeMessage();
  client.Send("MAIL FROM:<>\r\nRCPT TO:<a>\r\nRCPT TO:<b>\r\nBDAT " +
              std::to_string(message.size()) + "\r\n" + message + "BDAT 0 LAST\r\n");
  EXPECT_THAT(client.Replies(6), Each(StartsWith("250 ")));
  EXPECT_TRUE(Stored(2)["b"] == "Delivered-To: b\r\n" + message);
}

TEST_F(TraceTest, ARecipientThatIsRefusedEarlyDoesNotHurtTheOthers) {
  StartTracing({.delivered_to = true});
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a", "b", "c"});
  storage_.RefuseEarly(MakeError(v1::ERROR_REASON_OVERLOADED, ""));
  const std::string message = LargeMessage();
  client.Send(message + ".\r\n");
  EXPECT_THAT(client.Replies(3), ElementsAre(StartsWith("451 4.3.2"), StartsWith("250 2.0.0"),
                                             StartsWith("250 2.0.0")));
  EXPECT_TRUE(Stored(2)["c"] == "Delivered-To: c\r\n" + message);
}

TEST_F(TraceTest, AStreamThatBreaksIs451ForAllThatHaveNoAnswer) {
  StartTracing({.delivered_to = true});
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a", "b"});
  storage_.BreakAfter(300'000);
  client.Send(LargeMessage() + ".\r\nNOOP\r\n");
  EXPECT_THAT(client.Replies(3), ElementsAre(StartsWith("451 4.3.0"), StartsWith("451 4.3.0"),
                                             StartsWith("250 2.0.0 OK")));
}

TEST_F(TraceTest, CountsTheClientsOctetsAlone) {
  const std::string message = std::string(998, 'x') + "\r\n";
  StartTracing(
      {.return_path = true, .delivered_to = true, .received = true},
      [&](config::LmtpdConfig& config) { config.set_max_message_octets(message.size()); });
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a", "b"});
  client.Send(message + ".\r\n");
  EXPECT_THAT(client.Replies(2), Each(StartsWith("250 2.0.0")));
  BeginMessage(client, {"a", "b"});
  client.Send("y" + message + ".\r\n");
  EXPECT_THAT(client.Replies(2), Each(StartsWith("552 5.3.4")));
}

TEST_F(TraceTest, TheDeliveryIdIsThatOfTheClientsMessage) {
  std::set<std::string> ids;
  const std::string message =
      "Received: from x by mx.test with ESMTP id 5A780FB; date\r\n\r\nhello\r\n";
  size_t deliveries = 0;
  for (const bool on : {false, true}) {
    StartTracing({.return_path = on, .delivered_to = on, .received = on});
    LmtpClient client(port());
    client.Greet();
    BeginMessage(client, {"a", "b"});
    client.Send(message + ".\r\n");
    EXPECT_THAT(client.Replies(2), Each(StartsWith("250 2.0.0")));
    deliveries += on ? 2 : 1;
    for (const auto& delivery : storage_.Deliveries(deliveries)) {
      ids.insert(delivery.envelope.delivery_id());
    }
  }
  EXPECT_THAT(ids, ElementsAre(StartsWith("mta:5A780FB:")));
}

}  // namespace
}  // namespace restante::lmtp
