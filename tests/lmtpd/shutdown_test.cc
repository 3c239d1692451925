// The end of the server: idle sessions are told at once, transactions under way may
// finish, and nobody can hold it up for longer than drain_time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "common/config.h"
#include "tests/lmtpd/lmtp_test.h"

namespace restante::lmtp {
namespace {

using testing::StartsWith;

class ShutdownTest : public LmtpTest {
 protected:
  void TearDown() override {
    if (stopping_.joinable()) stopping_.join();
  }
  void BeginStop() {
    stopping_ = std::thread([this] { server().Stop(); });
  }
  void AwaitStop() { stopping_.join(); }

  static void WithDrainTime(config::LmtpdConfig& config, absl::Duration time) {
    *config.mutable_drain_time() = ToProto(time);
  }

 private:
  std::thread stopping_;
};

TEST_F(ShutdownTest, TellsIdleSessions) {
  StartServer();
  LmtpClient before_lhlo(port());
  EXPECT_THAT(before_lhlo.Reply(), StartsWith("220 "));
  LmtpClient after_lhlo(port());
  after_lhlo.Greet();
  BeginStop();
  EXPECT_THAT(before_lhlo.Reply(), StartsWith("421 4.3.2 "));
  EXPECT_THAT(after_lhlo.Reply(), StartsWith("421 4.3.2 "));
  EXPECT_EQ(after_lhlo.Rest(), "");
  AwaitStop();
}

TEST_F(ShutdownTest, LetsATransactionFinish) {
  StartServer();
  LmtpClient idle(port());
  idle.Greet();
  LmtpClient busy(port());
  busy.Greet();
  BeginMessage(busy, {"user"});
  busy.Send("first half\r\n");
  BeginStop();
  EXPECT_THAT(idle.Reply(), StartsWith("421 4.3.2 "));
  busy.Send("second half\r\n.\r\n");
  EXPECT_THAT(busy.Reply(), StartsWith("250 2.0.0 "));
  EXPECT_THAT(busy.Reply(), StartsWith("421 4.3.2 "));
  EXPECT_EQ(busy.Rest(), "");
  AwaitStop();
  EXPECT_EQ(storage_.Deliveries(1)[0].message, "first half\r\nsecond half\r\n");
}

TEST_F(ShutdownTest, BeginsNoFurtherTransaction) {
  StartServer();
  LmtpClient idle(port());
  idle.Greet();
  LmtpClient busy(port());
  busy.Greet();
  BeginMessage(busy, {"user"});
  BeginStop();
  EXPECT_THAT(idle.Reply(), StartsWith("421 4.3.2 "));
  busy.Send("x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<user>\r\n");
  EXPECT_THAT(busy.Reply(), StartsWith("250 2.0.0 "));
  EXPECT_THAT(busy.Reply(), StartsWith("421 4.3.2 "));
  EXPECT_EQ(busy.Rest(), "");
}

TEST_F(ShutdownTest, GivesUpOnAClientThatTakesTooLong) {
  StartServer([](auto& config) { WithDrainTime(config, absl::Milliseconds(50)); });
  LmtpClient in_data(port());
  in_data.Greet();
  BeginMessage(in_data, {"user"});
  in_data.Send("half\r\n");
  LmtpClient after_mail(port());
  after_mail.Greet();
  after_mail.Command("MAIL FROM:<>");
  BeginStop();
  EXPECT_THAT(in_data.Reply(), StartsWith("421 4.3.2 "));
  EXPECT_THAT(after_mail.Reply(), StartsWith("421 4.3.2 "));
  AwaitStop();
  EXPECT_TRUE(storage_.Deliveries(0).empty());
}

TEST_F(ShutdownTest, GivesUpOnAStorageServiceThatTakesTooLong) {
  StartServer([](auto& config) { WithDrainTime(config, absl::Milliseconds(50)); });
  storage_.HoldAnswers();
  LmtpClient small(port());
  small.Greet();
  small.Send("MAIL FROM:<>\r\nRCPT TO:<a>\r\n");
  storage_.AwaitUnanswered(1);
  BeginStop();
  EXPECT_THAT(small.Reply(), StartsWith("250 2.1.0 "));
  EXPECT_THAT(small.Reply(), StartsWith("451 4.3.0 "));
  EXPECT_THAT(small.Reply(), StartsWith("421 4.3.2 "));
  AwaitStop();
  storage_.Resume();
}

TEST_F(ShutdownTest, GivesUpOnALargeMessageThatIsNotTaken) {
  StartServer([](auto& config) { WithDrainTime(config, absl::Milliseconds(50)); });
  LmtpClient client(port());
  client.Greet();
  BeginMessage(client, {"a"});
  storage_.HoldReading();
  client.SendUntilBlocked(std::string(48'000'000, 'x'));
  BeginStop();
  EXPECT_THAT(client.Reply(), StartsWith("421 4.3.2 "));
  AwaitStop();
  storage_.Resume();
}

TEST_F(ShutdownTest, EndsWithoutTheStorageServiceHavingBeenThere) {
  storage_.Stop();
  Start();
  LmtpClient client(port());
  client.Greet();
  server().Stop();
  EXPECT_THAT(client.Reply(), StartsWith("421 4.3.2 "));
}

TEST_F(ShutdownTest, NamesTheAddressThatIsTaken) {
  StartServer();
  config::LmtpdConfig config = DefaultConfig();
  const std::string taken = "127.0.0.1:" + std::to_string(port());
  config.clear_listen();
  config.add_listen(taken);
  config.mutable_storage()->set_address(storage_.address());
  const auto second = Server::Start(config, nullptr);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find(taken), absl::string_view::npos) << second.status();
}

}  // namespace
}  // namespace restante::lmtp
