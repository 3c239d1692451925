// What LMTP clients see of the storage service's troubles: outages, failures inside a
// message, slowness; and how few messages the traffic with it takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/config.h"
#include "common/errors.h"
#include "tests/lmtpd/lmtp_test.h"

namespace restante::lmtp {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::StartsWith;

// A message of about so many octets, as it is stored and as DATA sends it.
std::string Lines(size_t octets) {
  std::string message;
  for (int i = 0; message.size() < octets; ++i) {
    message += "line " + std::to_string(i) + std::string(60, 'x') + "\r\n";
  }
  return message;
}

class StorageTest : public LmtpTest {
 protected:
  static void WaitShortly(config::LmtpdConfig& config) {
    *config.mutable_storage_wait() = ToProto(absl::Milliseconds(100));
  }
};

TEST_F(StorageTest, SendsALargeMessageInBoundedParts) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a", "b"});
  const std::string message = Lines(5'000'000);
  client.Send(message + ".\r\n");
  EXPECT_THAT(client.Replies(2), Each(StartsWith("250 2.0.0 ")));
  const auto deliveries = storage_.Deliveries(1);
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_TRUE(deliveries[0].message == message);
  EXPECT_EQ(deliveries[0].envelope.recipients_size(), 2);
  EXPECT_LE(storage_.largest_part(), size_t{256} * 1024);
  // The shared stream, and one for this message.
  EXPECT_EQ(storage_.streams(), 2);
}

TEST_F(StorageTest, SendsALargeMessageInOneChunk) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  const std::string message = Lines(1'000'000);
  client.Send("MAIL FROM:<>\r\nRCPT TO:<a>\r\nBDAT " + std::to_string(message.size()) +
              " LAST\r\n" + message);
  EXPECT_THAT(client.Replies(3), Each(StartsWith("250 ")));
  EXPECT_TRUE(storage_.Deliveries(1)[0].message == message);
}

TEST_F(StorageTest, AStorageServiceWithTooMuchToDoIsToldAsATemporaryFailure) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  const absl::Status overloaded = OverloadedError("too much", absl::Seconds(1));
  // A small message, and a large one that is refused while it is being sent.
  BeginMessage(client, {"a", "b"});
  storage_.RefuseEarly(overloaded);
  client.Send("x\r\n.\r\n");
  EXPECT_THAT(client.Replies(2), Each(StartsWith("451 4.3.2 ")));
  BeginMessage(client, {"a"});
  storage_.RefuseEarly(overloaded);
  client.Send(Lines(1'000'000) + ".\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("451 4.3.2 "));
  BeginMessage(client, {"a"});
  client.Send("x\r\n.\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("250 2.0.0 ")) << "the session goes on";
}

TEST_F(StorageTest, SendsMessagesAroundTheSizeOfOnePartWhole) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  for (const size_t octets :
       {Upload::kOnePartOctets - 1, Upload::kOnePartOctets, Upload::kOnePartOctets + 1}) {
    BeginMessage(client, {"a"});
    const std::string message = std::string(octets - 2, 'x') + "\r\n";
    client.Send(message + ".\r\n");
    EXPECT_THAT(client.Reply(), StartsWith("250 2.0.0 "));
    EXPECT_TRUE(storage_.Deliveries(1).back().message == message) << octets;
  }
}

TEST_F(StorageTest, TakesNoMoreFromTheClientThanTheStorageServiceTakes) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a"});
  storage_.HoldReading();
  const std::string message = Lines(64'000'000);
  const size_t sent = client.SendUntilBlocked(message);
  // Buffers of sockets and the windows of gRPC; of the session's own, two parts.
  EXPECT_LT(sent, 24'000'000u);
  storage_.Resume();
  client.Send(message.substr(sent));
  client.Send(".\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("250 2.0.0 "));
  EXPECT_TRUE(storage_.Deliveries(1)[0].message == message);
}

TEST_F(StorageTest, SlowLargeMessagesDoNotHoldUpSmallOnes) {
  StartServer();
  LmtpClient slow(port());
  slow.Greet();
  BeginMessage(slow, {"a"});
  storage_.HoldReading();
  const std::string message = Lines(48'000'000);
  const size_t sent = slow.SendUntilBlocked(message);
  LmtpClient quick(port());
  quick.Greet();
  BeginMessage(quick, {"b"});
  EXPECT_THAT(quick.Command("."), StartsWith("250 2.0.0 "));
  storage_.Resume();
  slow.Send(message.substr(sent));
  EXPECT_THAT(slow.Command("."), StartsWith("250 2.0.0 "));
}

TEST_F(StorageTest, IsTemporarilyUnableWhileTheStorageServiceIsAway) {
  StartServer(WaitShortly);
  storage_.Stop();
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("MAIL FROM:<>"), StartsWith("250 "));
  client.Send("RCPT TO:<a>\r\nRCPT TO:<b>\r\n");
  EXPECT_THAT(client.Replies(2), Each(StartsWith("451 4.3.0 ")));
}

TEST_F(StorageTest, ServesFromTheBeginningWithoutTheStorageService) {
  storage_.Stop();
  Start(WaitShortly);
  LmtpClient client(port());
  client.Greet();
  client.Command("MAIL FROM:<>");
  EXPECT_THAT(client.Command("RCPT TO:<a>"), StartsWith("451 4.3.0 "));
}

TEST_F(StorageTest, WaitsForTheStorageServiceToComeBack) {
  StartServer([](config::LmtpdConfig& config) {
    *config.mutable_storage_wait() = ToProto(absl::Seconds(20));
  });
  storage_.Stop();
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("MAIL FROM:<>"), StartsWith("250 "));
  client.Send("RCPT TO:<a>\r\n");
  storage_.Start();
  EXPECT_THAT(client.Reply(), StartsWith("250 2.1.5 "));
  EXPECT_THAT(client.Command("DATA"), StartsWith("354 "));
  EXPECT_THAT(client.Command("."), StartsWith("250 2.0.0 "));
}

TEST_F(StorageTest, AnswersDeliveriesInFlightWith451WhenTheStreamBreaks) {
  StartServer(WaitShortly);
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a", "b"});
  storage_.HoldAnswers();
  client.Send("x\r\n.\r\n");
  storage_.AwaitUnanswered(1);
  storage_.Stop();
  EXPECT_THAT(client.Replies(2), Each(StartsWith("451 4.3.0 ")));
  EXPECT_THAT(client.Command("NOOP"), StartsWith("250 "));
}

TEST_F(StorageTest, AnswersWith451AfterSwallowingTheRestWhenTheStorageServiceFailsInside) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a", "b"});
  storage_.BreakAfter(300'000);
  client.Send(Lines(3'000'000) + ".\r\nNOOP\r\n");
  EXPECT_THAT(client.Replies(3), ElementsAre(StartsWith("451 4.3.0 "), StartsWith("451 4.3.0 "),
                                             StartsWith("250 2.0.0 OK")));
  BeginMessage(client, {"a"});
  client.Send(Lines(3'000'000) + ".\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("250 2.0.0 "));
}

TEST_F(StorageTest, PassesAnEarlyRefusalOnAtTheEndOfTheMessage) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a", "b"});
  storage_.RefuseEarly(MakeError(v1::ERROR_REASON_TOO_LARGE, ""));
  client.Send(Lines(3'000'000) + ".\r\nNOOP\r\n");
  EXPECT_THAT(client.Replies(3), ElementsAre(StartsWith("552 5.3.4 "), StartsWith("552 5.3.4 "),
                                             StartsWith("250 2.0.0 OK")));
}

TEST_F(StorageTest, FailsAChunkWhenTheStorageServiceFailsInside) {
  StartServer();
  LmtpClient client(port());
  client.Greet();
  storage_.BreakAfter(300'000);
  const std::string chunk = Lines(1'000'000);
  const std::string size = std::to_string(chunk.size());
  client.Send("MAIL FROM:<>\r\nRCPT TO:<a>\r\nBDAT " + size + "\r\n" + chunk + "BDAT " + size +
              "\r\n" + chunk + "BDAT " + size + "\r\n" + chunk + "BDAT 0 LAST\r\nRSET\r\n");
  EXPECT_THAT(client.Replies(2), Each(StartsWith("250 ")));
  // The failure is known with the first chunk or the one behind it.
  std::vector<std::string> replies = client.Replies(5);
  EXPECT_THAT(replies.back(), StartsWith("250 2.0.0 Reset"));
  int failed = 0;
  for (const std::string& reply : replies) failed += reply.starts_with("451 4.3.0 ");
  EXPECT_EQ(failed, 1);
  EXPECT_THAT(replies[3], testing::Not(StartsWith("250 ")));
}

TEST_F(StorageTest, GivesUpOnAnAnswerThatTakesTooLong) {
  StartServer([](config::LmtpdConfig& config) {
    *config.mutable_storage_timeout() = ToProto(absl::Milliseconds(200));
  });
  LmtpClient client(port());
  client.Greet();
  storage_.HoldAnswers();
  client.Command("MAIL FROM:<>");
  EXPECT_THAT(client.Command("RCPT TO:<a>"), StartsWith("451 4.3.0 "));
  storage_.Resume();
  EXPECT_THAT(client.Command("RCPT TO:<b>"), StartsWith("250 "));
}

}  // namespace
}  // namespace restante::lmtp
