// The storage service goes away, comes back, breaks streams and keeps silent.
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::StartsWith;

class OutageTest : public SessionTest {
 protected:
  OutageTest() { storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n"}); }

  // Until the front-end has a stream again.
  void AwaitStream(int count) { ASSERT_TRUE(storage_.WaitForStreams(count)); }
};

TEST_F(OutageTest, SaysSysTempAtALoginWhenTheServiceStaysAway) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  storage_.Stop();
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  client->Send("PASS secret\r\n");
  clock_.AwaitLooks();
  clock_.Advance(seconds(3));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
  // The connection goes on, and so does the login once the service is back.
  storage_.Start();
  AwaitStream(2);
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
}

TEST_F(OutageTest, LetsALoginWaitForAServiceThatComesBackInTime) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  // A login that is under way tells when the front-end has noticed that the service is away.
  storage_.AddAccount("other", "secret", {});
  storage_.StopAnswering(true);
  EXPECT_EQ(client->Command("USER other"), "+OK Send PASS.");
  client->Send("PASS secret\r\n");
  ASSERT_TRUE(storage_.WaitForLogins(1));
  storage_.Stop();
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
  storage_.StopAnswering(false);

  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  client->Send("PASS secret\r\n");
  clock_.AwaitLooks();
  storage_.Start();
  EXPECT_EQ(client->ReadLine(), "+OK Logged in.");
}

TEST_F(OutageTest, SaysSysTempToALoginThatWasUnderWayWhenTheStreamBroke) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  storage_.HoldOperations(true);
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  client->Send("PASS secret\r\n");
  clock_.AwaitLooks();
  const int messages = storage_.exchange_messages();
  EXPECT_GE(messages, 1);
  storage_.BreakStream();
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
  storage_.HoldOperations(false);
}

TEST_F(OutageTest, SaysSysTempToALoginThatIsNeverAnswered) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  storage_.StopAnswering(true);
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  client->Send("PASS secret\r\n");
  ASSERT_TRUE(storage_.WaitForLogins(1));
  clock_.AwaitLooks();
  clock_.Advance(seconds(10));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
}

TEST_F(OutageTest, ClosesAMaildropWhoseLoginIsAnsweredTooLate) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  storage_.HoldOperations(true);
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  client->Send("PASS secret\r\n");
  clock_.AwaitLooks();
  clock_.Advance(seconds(10));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
  storage_.HoldOperations(false);
  ASSERT_TRUE(storage_.WaitForLogins(1));
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
}

TEST_F(OutageTest, ResumesASessionAfterItsStreamBroke) {
  auto client = Open();
  client->Command("DELE 1");
  storage_.BreakStream();
  AwaitStream(2);
  EXPECT_EQ(client->MultiLine("RETR 2"), "2\r\n");
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out, messages deleted.");
  EXPECT_THAT(storage_.Uids("user"), ElementsAre(2));
}

TEST_F(OutageTest, ResumesASessionAtAServiceThatWasRestarted) {
  auto client = Open();
  client->Command("DELE 2");
  storage_.Stop();
  EXPECT_EQ(client->Command("STAT"), "+OK 1 3");
  storage_.Start();
  EXPECT_EQ(client->MultiLine("RETR 1"), "1\r\n");
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out, messages deleted.");
  EXPECT_THAT(storage_.Uids("user"), ElementsAre(1));
}

TEST_F(OutageTest, LetsRetrWaitForAServiceThatComesBack) {
  auto client = Open();
  storage_.Stop();
  client->Send("RETR 1\r\n");
  clock_.AwaitLooks();
  storage_.Start();
  EXPECT_EQ(client->ReadLine(), "+OK 3 octets");
  EXPECT_EQ(client->ReadBody(), "1\r\n");
}

TEST_F(OutageTest, RefusesRetrWhenTheServiceStaysAway) {
  auto client = Open();
  storage_.Stop();
  client->Send("RETR 1\r\n");
  clock_.AwaitLooks();
  clock_.Advance(seconds(30));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
}

TEST_F(OutageTest, ListsWhatItHasToFetchAfterTheStreamBroke) {
  storage_.AddGiantAccount("giant", "secret", 2'000, 0);
  auto client = Open("giant");
  storage_.BreakStream();
  EXPECT_EQ(client->Command("UIDL 1500"), "+OK 1500 u1500");
}

TEST_F(OutageTest, EndsASessionThatTheServiceForgotAtItsNextCommand) {
  auto client = Open();
  client->Command("DELE 1");
  storage_.ForgetSessions();
  storage_.BreakStream();
  AwaitStream(2);
  std::string reply;
  // The refusal may need a moment to arrive; until then commands are served.
  for (int i = 0; i < 10'000; ++i) {
    reply = client->Command("NOOP");
    if (reply != "+OK") break;
  }
  EXPECT_THAT(reply, StartsWith("-ERR [SYS/TEMP] "));
  EXPECT_TRUE(client->AtEnd());
  EXPECT_EQ(storage_.Uids("user").size(), 2u);
}

TEST_F(OutageTest, RepeatsACommitWhoseAnswerWasLost) {
  auto client = Open();
  client->Command("DELE 1");
  storage_.LoseAnswerOfNextCommit();
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out, messages deleted.");
  EXPECT_THAT(storage_.Uids("user"), ElementsAre(2));
}

TEST_F(OutageTest, RepeatsACommitThatTheServiceMissedWhileItWasAway) {
  auto client = Open();
  client->Command("DELE 1");
  storage_.Stop();
  client->Send("QUIT\r\n");
  clock_.AwaitLooks();
  storage_.Start();
  EXPECT_EQ(client->ReadLine(), "+OK Logging out, messages deleted.");
  EXPECT_THAT(storage_.Uids("user"), ElementsAre(2));
}

TEST_F(OutageTest, SaysSysTempWhenTheOutcomeOfACommitStaysUnknown) {
  auto client = Open();
  client->Command("DELE 1");
  storage_.StopAnswering(true);
  client->Send("QUIT\r\n");
  ASSERT_TRUE(storage_.WaitForCommits(1));
  clock_.AwaitLooks();
  clock_.Advance(seconds(10));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
}

TEST_F(OutageTest, SurvivesManyBreaksUnderSessions) {
  auto client = Open();
  for (int i = 2; i < 8; ++i) {
    storage_.BreakStream();
    EXPECT_EQ(client->MultiLine("RETR 1"), "1\r\n");
    EXPECT_EQ(client->MultiLine("RETR 2"), "2\r\n");
  }
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
}

}  // namespace
}  // namespace restante::pop3
