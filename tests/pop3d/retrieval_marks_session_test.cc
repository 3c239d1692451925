// What the front-end tells the service of retrievals: when, how often, and what becomes of
// it when the link is down.
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

class RetrievalMarksTest : public SessionTest {
 protected:
  RetrievalMarksTest() {
    storage_.AddAccount("user", "secret", std::vector<std::string>(200, "1\r\n"));
    storage_.AnnounceRetrieval(true);
  }
  void Retrieve(Client& client, int first, int last) {
    for (int number = first; number <= last; ++number) {
      client.MultiLine(absl::StrCat("RETR ", number));
    }
  }
  std::vector<std::pair<uint32_t, uint32_t>> Told() {
    std::vector<std::pair<uint32_t, uint32_t>> runs;
    for (const v1::UidRange& range : storage_.retrievals()) {
      runs.emplace_back(range.first(), range.last());
    }
    return runs;
  }
};

TEST_F(RetrievalMarksTest, TellsThemInTheMiddleOfASessionWhenTheyAreMany) {
  auto client = Open();
  Retrieve(*client, 1, 64);
  EXPECT_THAT(Told(), IsEmpty());
  Retrieve(*client, 65, 65);
  ASSERT_TRUE(storage_.WaitForRetrievals(1));
  EXPECT_THAT(Told(), ElementsAre(Pair(1, 64)));
  // What was told isn't told again, and the rest is at the end.
  Retrieve(*client, 66, 70);
  client->Command("QUIT");
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  ASSERT_TRUE(storage_.WaitForRetrievals(2));
  EXPECT_EQ(Told()[1], std::make_pair(65u, 70u));
  EXPECT_EQ(storage_.marks(), 1);
}

TEST_F(RetrievalMarksTest, TellsAFewAfterAMinute) {
  auto client = Open();
  Retrieve(*client, 3, 4);
  clock_.AwaitLooks();
  clock_.Advance(std::chrono::seconds(59));
  clock_.AwaitLooks();
  EXPECT_THAT(Told(), IsEmpty());
  clock_.Advance(std::chrono::seconds(1));
  ASSERT_TRUE(storage_.WaitForRetrievals(1));
  EXPECT_THAT(Told(), ElementsAre(Pair(3, 4)));
  // Nothing more is told while nothing more is retrieved.
  clock_.Advance(std::chrono::minutes(5));
  clock_.AwaitLooks();
  Retrieve(*client, 9, 9);
  EXPECT_EQ(storage_.marks(), 1);
  clock_.Advance(std::chrono::minutes(1));
  ASSERT_TRUE(storage_.WaitForRetrievals(2));
  EXPECT_THAT(Told(), ElementsAre(Pair(3, 4), Pair(9, 9)));
}

TEST_F(RetrievalMarksTest, TellsWithTheCommitWhatTheServiceHasNotTaken) {
  storage_.AnswerRetrievalsWith(MakeError(v1::ERROR_REASON_STORE_FAILURE, "disk"));
  auto client = Open();
  Retrieve(*client, 1, 66);
  client->Command("DELE 1");
  EXPECT_THAT(client->Command("QUIT"), StartsWith("+OK"));
  EXPECT_THAT(Told(), ElementsAre(Pair(65, 66), Pair(1, 64)));
}

TEST_F(RetrievalMarksTest, TellsWhatASessionThatEndedWithoutALinkHadRetrieved) {
  auto client = Open();
  Retrieve(*client, 1, 2);
  storage_.Stop();
  client->Command("QUIT");
  EXPECT_TRUE(client->AtEnd());
  storage_.Start();
  ASSERT_TRUE(storage_.WaitForRetrievals(1));
  EXPECT_THAT(Told(), ElementsAre(Pair(1, 2)));
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
}

TEST_F(RetrievalMarksTest, TellsWhatASessionHadRetrievedThatTheServiceHasEnded) {
  auto client = Open();
  Retrieve(*client, 1, 2);
  storage_.ForgetSessions();
  storage_.BreakStream();
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
  ASSERT_TRUE(storage_.WaitForRetrievals(1));
  EXPECT_THAT(Told(), ElementsAre(Pair(1, 2)));
}

TEST_F(RetrievalMarksTest, TellsThemAgainOnTheNextStreamIfNobodyAnswered) {
  auto client = Open();
  Retrieve(*client, 1, 64);
  storage_.StopAnswering(true);
  // Needs no row that the login hasn't brought; reads have a channel of their own.
  Retrieve(*client, 64, 64);
  ASSERT_TRUE(storage_.WaitForRetrievals(1));
  storage_.StopAnswering(false);
  storage_.BreakStream();
  ASSERT_TRUE(storage_.WaitForRetrievals(2));
  EXPECT_THAT(Told(), ElementsAre(Pair(1, 64), Pair(1, 64)));
}

TEST_F(RetrievalMarksTest, TellsNothingToASessionWhosePolicyDoesNotAsk) {
  storage_.AnnounceRetrieval(false);
  auto client = Open();
  Retrieve(*client, 1, 70);
  client->Command("DELE 1");
  client->Command("QUIT");
  EXPECT_EQ(storage_.last_commit().retrieved_uids_size(), 0);
  EXPECT_THAT(Told(), IsEmpty());
}

class OldServiceRetrievalTest : public SessionTest {};

TEST_F(OldServiceRetrievalTest, IsToldAtTheEndOnly) {
  storage_.AddAccount("user", "secret", std::vector<std::string>(200, "1\r\n"));
  auto client = Open();
  for (int number = 1; number <= 100; ++number) {
    client->MultiLine(absl::StrCat("RETR ", number));
  }
  client->Command("QUIT");
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_EQ(storage_.marks(), 0);
  ASSERT_EQ(storage_.last_close().retrieved_uids_size(), 1);
  EXPECT_EQ(storage_.last_close().retrieved_uids(0).last(), 100u);
}

}  // namespace
}  // namespace restante::pop3
