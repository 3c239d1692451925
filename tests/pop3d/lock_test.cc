// Waiting for a maildrop in use, and taking it over.
#include "absl/strings/str_cat.h"
#include "common/config.h"
#include "common/errors.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using std::chrono::seconds;
using ::testing::SizeIs;
using ::testing::StartsWith;

class LockTest : public SessionTest {
 protected:
  LockTest() { storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n"}); }
};

TEST_F(LockTest, AsksForNoWaitAndNoTakeOverUnlessTheOperatorDoes) {
  Open();
  EXPECT_FALSE(storage_.last_login().has_options());
}

TEST_F(LockTest, HandsTheOperatorsChoiceToTheService) {
  options_.settings.lock_wait = seconds(20);
  options_.settings.take_over = true;
  Open();
  EXPECT_EQ(FromProto(storage_.last_login().options().lock_wait()), absl::Seconds(20));
  EXPECT_TRUE(storage_.last_login().options().take_over());
}

TEST_F(LockTest, WaitsForTheLockBeyondTheTimeOfAnOperationAndOfASilentClient) {
  options_.settings.lock_wait = seconds(60);
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->Command("USER user");
  storage_.HoldOperations(true);
  client->Send("PASS secret\r\n");
  clock_.AwaitLooks();
  clock_.Advance(seconds(65));
  clock_.AwaitLooks();
  EXPECT_FALSE(client->HasOctets());
  storage_.HoldOperations(false);
  EXPECT_EQ(client->ReadLine(), "+OK Logged in.");
}

TEST_F(LockTest, GivesALoginUpWhenTheServiceDoesNotAnswerAfterTheWaitEither) {
  options_.settings.lock_wait = seconds(30);
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->Command("USER user");
  storage_.StopAnswering(true);
  client->Send("PASS secret\r\n");
  ASSERT_TRUE(storage_.WaitForLogins(1));
  clock_.Advance(seconds(39));
  clock_.AwaitLooks();
  EXPECT_FALSE(client->HasOctets());
  clock_.Advance(seconds(1));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
}

TEST_F(LockTest, TellsAClientThatWaitsForTheLockThatTheServerShutsDown) {
  options_.settings.lock_wait = seconds(60);
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->Command("USER user");
  storage_.StopAnswering(true);
  client->Send("PASS secret\r\n");
  ASSERT_TRUE(storage_.WaitForLogins(1));
  server_->Shutdown();
  EXPECT_EQ(client->ReadLine(), "-ERR [SYS/TEMP] The server is shutting down.");
  EXPECT_TRUE(client->AtEnd());
  EXPECT_TRUE(storage_.WaitForCancelledLogins(1));
  storage_.StopAnswering(false);
  storage_.BreakStream();
}

TEST_F(LockTest, TellsSoAClientWhoseNextCommandsItHasNotReadToo) {
  options_.settings.lock_wait = seconds(60);
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->Command("USER user");
  storage_.StopAnswering(true);
  client->Send("PASS secret\r\n");
  ASSERT_TRUE(storage_.WaitForLogins(1));
  client->Send(std::string(50'000, 'x'));
  server_->Shutdown();
  EXPECT_EQ(client->ReadLine(), "-ERR [SYS/TEMP] The server is shutting down.");
  EXPECT_TRUE(client->AtEnd());
  EXPECT_FALSE(client->WasReset());
  client->Close();
  storage_.StopAnswering(false);
  storage_.BreakStream();
}

TEST_F(LockTest, CarriesNothingOutThatCameBehindALoginWhichTheShutdownMet) {
  options_.settings.lock_wait = seconds(60);
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  storage_.HoldOperations(true);
  client->Send("USER user\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n");
  EXPECT_EQ(client->ReadLine(), "+OK Send PASS.");
  server_->Shutdown();
  EXPECT_EQ(client->ReadLine(), "-ERR [SYS/TEMP] The server is shutting down.");
  EXPECT_TRUE(client->AtEnd());
  client->Close();
  storage_.HoldOperations(false);
  ASSERT_TRUE(storage_.WaitForLogins(1));
  server_->Wait();
  EXPECT_THAT(storage_.Uids("user"), SizeIs(2));
}

class GoneClientTest : public LockTest {
 protected:
  GoneClientTest() { options_.settings.lock_wait = seconds(60); }

  // A client whose login is under way at a service that doesn't answer it.
  std::unique_ptr<Client> Waiting(std::unique_ptr<Client> client,
                                  const std::string& more = "") {
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    client->Command("USER user");
    storage_.StopAnswering(true);
    client->Send(absl::StrCat("PASS secret\r\n", more));
    EXPECT_TRUE(storage_.WaitForLogins(1));
    return client;
  }
};

TEST_F(GoneClientTest, GivesTheLoginOfAClientUpThatHasClosedItsConnection) {
  auto client = Waiting(Connect());
  client->Close();
  EXPECT_TRUE(storage_.WaitForCancelledLogins(1));
}

TEST_F(GoneClientTest, GivesTheLoginOfAClientUpThatHasResetItsConnection) {
  auto client = Waiting(Connect());
  client->Close(/*reset=*/true);
  EXPECT_TRUE(storage_.WaitForCancelledLogins(1));
}

TEST_F(GoneClientTest, GivesTheLoginOfAClientUpThatHasEndedItsTlsConnection) {
  auto client = Waiting(ConnectTls());
  client->Close();
  EXPECT_TRUE(storage_.WaitForCancelledLogins(1));
}

TEST_F(GoneClientTest, FindsAResetBehindCommandsThatItHasNotRead) {
  auto client = Waiting(Connect());
  client->Send("STAT\r\n");
  clock_.AwaitLooks();
  client->Close(/*reset=*/true);
  EXPECT_TRUE(storage_.WaitForCancelledLogins(1));
}

TEST_F(GoneClientTest, FindsAResetBehindCommandsThatCameWithThePassword) {
  auto client = Waiting(Connect(), "STAT\r\n");
  client->Close(/*reset=*/true);
  EXPECT_TRUE(storage_.WaitForCancelledLogins(1));
}

TEST_F(GoneClientTest, ServesAClientThatHasSaidAllThatItWants) {
  for (const bool together : {true, false}) {
    auto client = Connect();
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    client->Command("USER user");
    storage_.HoldOperations(true);
    client->Send(together ? "PASS secret\r\nSTAT\r\nQUIT\r\n" : "PASS secret\r\n");
    clock_.AwaitLooks();
    if (!together) client->Send("STAT\r\nQUIT\r\n");
    client->SayNoMore();
    clock_.AwaitLooks();
    storage_.HoldOperations(false);
    EXPECT_EQ(client->ReadLine(), "+OK Logged in.");
    EXPECT_EQ(client->ReadLine(), "+OK 2 6");
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    EXPECT_TRUE(client->AtEnd());
  }
  EXPECT_EQ(storage_.cancelled_logins(), 0);
}

TEST_F(GoneClientTest, ClosesTheMaildropThatAServiceOfTheReleaseBeforeGivesItAllTheSame) {
  storage_.KnowNoCancelLogin();
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->Command("USER user");
  storage_.HoldOperations(true);
  client->Send("PASS secret\r\n");
  clock_.AwaitLooks();
  client->Close(/*reset=*/true);
  clock_.AwaitLooks();
  storage_.HoldOperations(false);
  ASSERT_TRUE(storage_.WaitForLogins(1));
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
}

class TakeOverTest : public LockTest {
 protected:
  // A session that has marked a message, and lost its maildrop to another one.
  std::unique_ptr<Client> TakenOver() {
    options_.settings.take_over = true;
    auto first = Open();
    EXPECT_THAT(first->Command("DELE 1"), StartsWith("+OK"));
    second_ = Open();
    return first;
  }
  std::unique_ptr<Client> second_;
};

TEST_F(TakeOverTest, DeletesNothingOfTheSessionThatLostTheMaildrop) {
  auto first = TakenOver();
  EXPECT_THAT(first->Command("QUIT"), StartsWith("-ERR [SYS/TEMP] "));
  EXPECT_TRUE(first->AtEnd());
  EXPECT_EQ(second_->Command("STAT"), "+OK 2 6");
  EXPECT_THAT(storage_.Uids("user"), SizeIs(2));
}

TEST_F(TakeOverTest, EndsThatSessionWhenItAsksForAMessage) {
  auto first = TakenOver();
  EXPECT_EQ(first->Command("RETR 2"),
            "-ERR [SYS/TEMP] The session has lost the maildrop; nothing was deleted.");
  EXPECT_TRUE(first->AtEnd());
  EXPECT_EQ(second_->MultiLine("RETR 2"), "2\r\n");
}

TEST_F(TakeOverTest, EndsThatSessionWhenItAsksForRows) {
  storage_.AddGiantAccount("giant", "secret", 2000, 0);
  options_.settings.take_over = true;
  auto first = Open("giant");
  auto second = Open("giant");
  EXPECT_EQ(first->Command("UIDL 1500"),
            "-ERR [SYS/TEMP] The session has lost the maildrop; nothing was deleted.");
  EXPECT_TRUE(first->AtEnd());
  EXPECT_EQ(second->Command("UIDL 1500"), "+OK 1500 u1500");
}

TEST_F(TakeOverTest, LeavesTheLockWithTheNewSessionWhenTheOldOneEnds) {
  auto first = TakenOver();
  first->Close();
  EXPECT_EQ(second_->Command("NOOP"), "+OK");
  EXPECT_TRUE(storage_.IsLocked("user"));
}

TEST_F(TakeOverTest, EndsASilentSessionAtOnceWhenTheServiceHasForgottenIt) {
  auto first = TakenOver();
  // On a new stream, sessions are taken up again, or not.
  storage_.BreakStream();
  EXPECT_EQ(first->ReadLine(),
            "-ERR [SYS/TEMP] The session has lost the maildrop; nothing was deleted.");
  EXPECT_TRUE(first->AtEnd());
  EXPECT_EQ(second_->Command("NOOP"), "+OK");
}

}  // namespace
}  // namespace restante::pop3
