// The UPDATE state, and every way around it.
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

class UpdateTest : public SessionTest {
 protected:
  UpdateTest() { storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n", "3\r\n", "4\r\n"}); }
};

TEST_F(UpdateTest, DeletesWhatWasMarkedBeforeItSaysSo) {
  auto client = Open();
  client->Command("DELE 1");
  client->Command("DELE 2");
  client->Command("DELE 4");
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out, messages deleted.");
  EXPECT_THAT(storage_.Uids("user"), ElementsAre(3));
  EXPECT_FALSE(storage_.IsLocked("user"));
  const v1::CommitRequest commit = storage_.last_commit();
  EXPECT_TRUE(commit.close());
  ASSERT_EQ(commit.delete_uids_size(), 2);
  EXPECT_EQ(commit.delete_uids(0).first(), 1u);
  EXPECT_EQ(commit.delete_uids(0).last(), 2u);
  EXPECT_EQ(commit.delete_uids(1).first(), 4u);
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(UpdateTest, SaysNothingBeforeTheDeletionIsDone) {
  auto client = Open();
  client->Command("DELE 1");
  storage_.HoldOperations(true);
  client->Send("NOOP\r\nQUIT\r\n");
  EXPECT_EQ(client->ReadLine(), "+OK");
  clock_.AwaitLooks();
  EXPECT_FALSE(client->HasOctets());
  storage_.HoldOperations(false);
  EXPECT_EQ(client->ReadLine(), "+OK Logging out, messages deleted.");
}

TEST_F(UpdateTest, AnswersAtOnceAndFreesTheLockWithNothingMarked) {
  auto client = Open();
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
  EXPECT_TRUE(client->AtEnd());
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_EQ(storage_.Uids("user").size(), 4u);
}

TEST_F(UpdateTest, LetsTheClientBackInRightAfterQuit) {
  StartServer();
  for (int i = 0; i < 200; ++i) {
    auto client = Open();
    EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
  }
}

TEST_F(UpdateTest, SaysSysTempAndDeletesNothingWhenTheCommitIsRefused) {
  storage_.AnswerCommitsWith(MakeError(v1::ERROR_REASON_STORE_FAILURE, "disk"));
  auto client = Open();
  client->Command("DELE 1");
  EXPECT_THAT(client->Command("QUIT"), StartsWith("-ERR [SYS/TEMP] "));
  EXPECT_TRUE(client->AtEnd());
  EXPECT_EQ(storage_.Uids("user").size(), 4u);
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
}

TEST_F(UpdateTest, SaysSysTempWhenTheSessionWasTakenOver) {
  auto client = Open();
  client->Command("DELE 1");
  storage_.ForgetSessions();
  EXPECT_THAT(client->Command("QUIT"), StartsWith("-ERR [SYS/TEMP] "));
  EXPECT_EQ(storage_.Uids("user").size(), 4u);
}

TEST_F(UpdateTest, DeletesNothingWhenTheConnectionDrops) {
  auto client = Open();
  client->Command("DELE 1");
  client->Close();
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_EQ(storage_.Uids("user").size(), 4u);
}

TEST_F(UpdateTest, DeletesNothingWhenTheConnectionIsReset) {
  auto client = Open();
  client->Command("DELE 1");
  client->Close(/*reset=*/true);
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_EQ(storage_.Uids("user").size(), 4u);
}

TEST_F(UpdateTest, DeletesNothingWhenTheConnectionEndsInsideQuit) {
  auto client = Open();
  client->Command("DELE 1");
  client->Send("QUIT");
  client->Close();
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_EQ(storage_.Uids("user").size(), 4u);
}

TEST_F(UpdateTest, DeletesWhenTheClientHasGoneRightAfterQuit) {
  auto client = Open();
  client->Command("DELE 1");
  client->Send("QUIT\r\n");
  client->Close();
  EXPECT_TRUE(storage_.WaitForCommits(1));
  EXPECT_THAT(storage_.Uids("user"), ElementsAre(2, 3, 4));
}

TEST_F(UpdateTest, TakesNoCommandBehindQuit) {
  auto client = Open();
  client->Send("DELE 1\r\nQUIT\r\nDELE 2\r\nQUIT\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_EQ(client->ReadLine(), "+OK Logging out, messages deleted.");
  EXPECT_THAT(storage_.Uids("user"), ElementsAre(2, 3, 4));
}

}  // namespace
}  // namespace restante::pop3
