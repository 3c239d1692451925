// What the front-end says of an account's policies, and tells the service for them.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

class PolicySessionTest : public SessionTest {
 protected:
  PolicySessionTest() {
    storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n", "3\r\n", "4\r\n"});
  }

  static std::vector<std::pair<uint32_t, uint32_t>> Runs(
      const google::protobuf::RepeatedPtrField<v1::UidRange>& ranges) {
    std::vector<std::pair<uint32_t, uint32_t>> runs;
    for (const v1::UidRange& range : ranges) runs.emplace_back(range.first(), range.last());
    return runs;
  }
};

TEST_F(PolicySessionTest, AnnouncesTheStrictestPolicyBeforeLoginAndTheAccountsAfter) {
  v1::Pop3Announcement all;
  all.set_expire_days(7);
  all.set_expire_differs(true);
  all.set_login_delay_seconds(900);
  all.set_login_delay_differs(true);
  storage_.Announce(all);
  v1::Pop3Announcement own;
  own.set_expire_days(30);
  storage_.AnnounceToSessions(own);
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_THAT(client->MultiLine("CAPA"),
              HasSubstr("\r\nEXPIRE 7 USER\r\nLOGIN-DELAY 900 USER\r\n"));
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
  EXPECT_THAT(client->MultiLine("CAPA"), HasSubstr("\r\nEXPIRE 30\r\nLOGIN-DELAY 0\r\n"));
}

TEST_F(PolicySessionTest, AnnouncesWhatHasChangedSinceItStarted) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_THAT(client->MultiLine("CAPA"), HasSubstr("\r\nEXPIRE NEVER\r\nLOGIN-DELAY 0\r\n"));
  v1::Pop3Announcement all;
  all.set_expire_days(0);
  all.set_login_delay_seconds(60);
  storage_.Announce(all);
  // With the next message of the service, to whomever.
  client->Command("USER user");
  EXPECT_THAT(client->Command("PASS wrong"), StartsWith("-ERR [AUTH]"));
  EXPECT_THAT(client->MultiLine("CAPA"), HasSubstr("\r\nEXPIRE 0\r\nLOGIN-DELAY 60\r\n"));
}

TEST_F(PolicySessionTest, TellsThatALoginCameTooSoon) {
  storage_.AnswerLoginsWith(MakeError(v1::ERROR_REASON_LOGIN_DELAY, "60 s"));
  auto client = Connect();
  for (int i = 0; i < 5; ++i) {
    if (i == 0) {
      EXPECT_THAT(client->LogIn("user", "secret"), StartsWith("-ERR [LOGIN-DELAY] "));
    } else {
      client->Command("USER user");
      EXPECT_THAT(client->Command("PASS secret"), StartsWith("-ERR [LOGIN-DELAY] "));
    }
  }
}

TEST_F(PolicySessionTest, TellsWithTheCommitWhatWasRetrieved) {
  auto client = Open();
  client->MultiLine("RETR 1");
  client->MultiLine("RETR 2");
  client->MultiLine("RETR 4");
  client->Command("DELE 4");
  client->Command("QUIT");
  EXPECT_THAT(Runs(storage_.last_commit().retrieved_uids()),
              ElementsAre(Pair(1, 2), Pair(4, 4)));
}

TEST_F(PolicySessionTest, TellsWithTheCloseWhatWasRetrievedPipelinedWithQuitToo) {
  auto client = Open();
  client->Send("RETR 1\r\nRETR 2\r\nQUIT\r\n");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client->ReadLine(), "+OK 3 octets");
    client->ReadBody();
  }
  EXPECT_EQ(client->ReadLine(), "+OK Logging out.");
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_THAT(Runs(storage_.last_close().retrieved_uids()), ElementsAre(Pair(1, 2)));
}

TEST_F(PolicySessionTest, TellsWhatWasRetrievedWhenTheConnectionDrops) {
  auto client = Open();
  client->MultiLine("RETR 3");
  client->Command("DELE 3");
  client->Close(/*reset=*/true);
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_THAT(Runs(storage_.last_close().retrieved_uids()), ElementsAre(Pair(3, 3)));
  EXPECT_EQ(storage_.Uids("user").size(), 4u);
}

TEST_F(PolicySessionTest, TellsWhatWasRetrievedAfterRsetAndAFailedCommit) {
  storage_.AnswerCommitsWith(MakeError(v1::ERROR_REASON_STORE_FAILURE, "disk"));
  auto client = Open();
  client->MultiLine("RETR 2");
  client->Command("DELE 2");
  client->Command("RSET");
  client->Command("DELE 1");
  EXPECT_THAT(client->Command("QUIT"), StartsWith("-ERR [SYS/TEMP]"));
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_THAT(Runs(storage_.last_close().retrieved_uids()), ElementsAre(Pair(2, 2)));
}

TEST_F(PolicySessionTest, DoesNotCountTopNorWhatWasFetchedAhead) {
  auto client = Open();
  client->MultiLine("TOP 1 1000");
  // The third is fetched ahead of a client that takes them in order.
  client->MultiLine("RETR 1");
  client->MultiLine("RETR 2");
  client->Command("QUIT");
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_THAT(Runs(storage_.last_close().retrieved_uids()), ElementsAre(Pair(1, 2)));
}

TEST_F(PolicySessionTest, DoesNotCountAMessageThatWasCutOff) {
  storage_.BreakReadsOf(1, 1);
  auto client = Open();
  client->Send("RETR 1\r\n");
  client->ReadLine();
  client->Close();
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_THAT(Runs(storage_.last_close().retrieved_uids()), IsEmpty());
}

TEST_F(PolicySessionTest, DoesNotCountAMessageWhoseClientHasNotTakenItAll) {
  storage_.AddAccount("large", "secret",
                      {absl::StrCat("Subject: a\r\n\r\n", std::string(32 << 20, 'x'), "\r\n")});
  StartServer();
  Client client(address(), false, 16 * 1024);
  EXPECT_EQ(client.LogIn("large", "secret"), "+OK Logged in.");
  client.Send("RETR 1\r\n");
  EXPECT_THAT(client.ReadLine(), StartsWith("+OK"));
  client.Close(/*reset=*/true);
  ASSERT_TRUE(storage_.WaitUntilUnlocked("large"));
  EXPECT_THAT(Runs(storage_.last_close().retrieved_uids()), IsEmpty());
}

}  // namespace
}  // namespace restante::pop3
