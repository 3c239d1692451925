// Time: the autologout timer, the deadline before login, the delay of a failed one.
#include "absl/strings/str_cat.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::StartsWith;

class TimeLimitsTest : public SessionTest {
 protected:
  TimeLimitsTest() { storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n"}); }
};

TEST_F(TimeLimitsTest, LogsASilentClientOutWithoutAWordAndDeletesNothing) {
  auto client = Open();
  client->Command("DELE 1");
  clock_.Advance(minutes(10));
  EXPECT_TRUE(client->AtEnd());
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_EQ(storage_.Uids("user").size(), 2u);
}

TEST_F(TimeLimitsTest, KeepsAClientThatIsSilentForLess) {
  auto client = Open();
  clock_.Advance(minutes(10) - seconds(1));
  clock_.AwaitLooks();
  EXPECT_EQ(client->Command("NOOP"), "+OK");
}

TEST_F(TimeLimitsTest, StartsTheTimerAgainWithEachCommand) {
  auto client = Open();
  for (const char* command : {"NOOP", "STAT", "BOGUS", "LIST 1", "RETR 9"}) {
    clock_.Advance(minutes(9));
    clock_.AwaitLooks();
    EXPECT_THAT(client->Command(command), testing::Not(StartsWith("(end")));
  }
}

TEST_F(TimeLimitsTest, DoesNotTakeOctetsWithoutAnEndForACommand) {
  auto client = Open();
  for (int i = 0; i < 3; ++i) {
    client->Send("N");
    clock_.Advance(minutes(4));
    clock_.AwaitLooks();
  }
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(TimeLimitsTest, StartsTheTimerAgainWithOctetsThatTheClientTakes) {
  const std::string message =
      absl::StrCat("Subject: a\r\n\r\n", std::string(64 << 20, 'x'), "\r\n");
  storage_.AddAccount("large", "secret", {message});
  // The clock may jump while the server waits for a frame.
  options_.settings.link.operation_timeout = minutes(60);
  StartServer();
  Client client(address(), false, 16 * 1024);
  EXPECT_EQ(client.LogIn("large", "secret"), "+OK Logged in.");
  client.Send("RETR 1\r\n");
  EXPECT_THAT(client.ReadLine(), StartsWith("+OK"));
  // Far more than the sockets hold, so the server has had to write meanwhile.
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(client.ReadOctets(15 << 20).size(), size_t{15 << 20});
    clock_.Advance(minutes(9));
    clock_.AwaitLooks();
  }
  EXPECT_EQ(client.ReadOctets(message.size() - (60 << 20)).size(), message.size() - (60 << 20));
  EXPECT_EQ(client.ReadLine(), ".");
}

TEST_F(TimeLimitsTest, LogsOutAClientThatTakesNothingOfAMessage) {
  storage_.AddAccount("large", "secret", {std::string(64 << 20, 'x') + "\r\n"});
  options_.settings.link.operation_timeout = minutes(60);
  StartServer();
  Client client(address(), false, 16 * 1024);
  EXPECT_EQ(client.LogIn("large", "secret"), "+OK Logged in.");
  client.Send("RETR 1\r\n");
  EXPECT_THAT(client.ReadLine(), StartsWith("+OK"));
  // Once the sockets are full.
  int before = -1;
  while (storage_.frames_sent() != before) {
    before = storage_.frames_sent();
    for (int i = 0; i < 10; ++i) clock_.AwaitLooks();
  }
  clock_.Advance(minutes(10));
  EXPECT_TRUE(storage_.WaitUntilUnlocked("large"));
}

TEST_F(TimeLimitsTest, EndsAConnectionThatDoesNotLogIn) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  clock_.Advance(seconds(59));
  clock_.AwaitLooks();
  EXPECT_THAT(client->Command("CAPA"), StartsWith("+OK"));
  client->ReadBody();
  clock_.Advance(seconds(60));
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(TimeLimitsTest, EndsAConnectionThatDoesNotBeginItsHandshake) {
  StartServer();
  Client client(server_->tls_addresses().front());
  clock_.AwaitLooks();
  clock_.Advance(seconds(60));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(TimeLimitsTest, AnswersEveryFailedLoginTheSameTimeAfterItCame) {
  options_.settings.failed_login_delay = seconds(2);
  StartServer();
  for (const char* user : {"user", "nobody", "us\xe8r"}) {
    auto client = Connect();
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    client->Send(absl::StrCat("USER ", user, "\r\nPASS wrong\r\n"));
    // What was ready doesn't wait.
    EXPECT_EQ(client->ReadLine(), "+OK Send PASS.");
    clock_.AwaitLooks();
    clock_.Advance(milliseconds(1999));
    clock_.AwaitLooks();
    EXPECT_FALSE(client->HasOctets());
    clock_.Advance(milliseconds(1));
    EXPECT_EQ(client->ReadLine(), "-ERR [AUTH] Authentication failed.");
  }
}

TEST_F(TimeLimitsTest, CountsTheTimeThatTheServiceTookIntoTheDelay) {
  options_.settings.failed_login_delay = seconds(2);
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  storage_.HoldOperations(true);
  client->Command("USER user");
  client->Send("PASS wrong\r\n");
  clock_.AwaitLooks();
  clock_.Advance(seconds(2));
  storage_.HoldOperations(false);
  EXPECT_EQ(client->ReadLine(), "-ERR [AUTH] Authentication failed.");
}

TEST_F(TimeLimitsTest, AnswersAGoodLoginWithoutDelay) {
  options_.settings.failed_login_delay = seconds(2);
  Open();
}

}  // namespace
}  // namespace restante::pop3
