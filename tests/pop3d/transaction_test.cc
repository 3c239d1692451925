// The TRANSACTION state, but for RETR and TOP.
#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::StartsWith;

class TransactionTest : public SessionTest {
 protected:
  TransactionTest() {
    storage_.AddAccount("user", "secret",
                        {"Subject: 1\r\n\r\n", "Subject: 22\r\n\r\nbody\r\n", "",
                         "Subject: 4\r\n\r\n.dot\r\n"});
  }
};

TEST_F(TransactionTest, CountsMessagesAndOctets) {
  auto client = Open();
  EXPECT_EQ(client->Command("STAT"), "+OK 4 55");
  EXPECT_EQ(client->MultiLine("LIST"), "1 14\r\n2 21\r\n3 0\r\n4 20\r\n");
  EXPECT_EQ(client->Command("LIST 2"), "+OK 2 21");
  EXPECT_EQ(client->Command("UIDL 2"), "+OK 2 uidl-2");
  EXPECT_EQ(client->MultiLine("UIDL"), "1 uidl-1\r\n2 uidl-2\r\n3 uidl-3\r\n4 uidl-4\r\n");
}

TEST_F(TransactionTest, ServesAnEmptyMaildrop) {
  storage_.AddAccount("empty", "secret", {});
  auto client = Open("empty");
  EXPECT_EQ(client->Command("STAT"), "+OK 0 0");
  EXPECT_EQ(client->MultiLine("LIST"), "");
  EXPECT_EQ(client->MultiLine("UIDL"), "");
  EXPECT_THAT(client->Command("RETR 1"), StartsWith("-ERR "));
}

TEST_F(TransactionTest, SkipsMarkedMessagesAndKeepsTheNumbersOfTheOthers) {
  auto client = Open();
  EXPECT_THAT(client->Command("DELE 2"), StartsWith("+OK"));
  EXPECT_EQ(client->Command("STAT"), "+OK 3 34");
  EXPECT_EQ(client->MultiLine("LIST"), "1 14\r\n3 0\r\n4 20\r\n");
  EXPECT_EQ(client->MultiLine("UIDL"), "1 uidl-1\r\n3 uidl-3\r\n4 uidl-4\r\n");
  EXPECT_EQ(client->Command("LIST 3"), "+OK 3 0");
  EXPECT_EQ(client->Command("UIDL 4"), "+OK 4 uidl-4");
}

TEST_F(TransactionTest, RefusesCommandsOnAMarkedMessage) {
  auto client = Open();
  client->Command("DELE 2");
  for (const char* command : {"LIST 2", "UIDL 2", "RETR 2", "TOP 2 0", "DELE 2"}) {
    EXPECT_THAT(client->Command(command), StartsWith("-ERR ")) << command;
  }
}

TEST_F(TransactionTest, UnmarksEverythingAtRset) {
  auto client = Open();
  client->Command("DELE 1");
  client->Command("DELE 3");
  EXPECT_THAT(client->Command("RSET"), StartsWith("+OK"));
  EXPECT_EQ(client->Command("STAT"), "+OK 4 55");
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
  EXPECT_EQ(storage_.Uids("user").size(), 4u);
}

TEST_F(TransactionTest, RefusesNumbersThatNameNoMessage) {
  auto client = Open();
  for (const char* command : {"LIST", "UIDL", "RETR", "DELE"}) {
    for (const char* number : {"0", "5", "-1", "+1", "0x1", "1 2", "1a", "4294967296",
                               "18446744073709551616", "18446744073709551617"}) {
      EXPECT_THAT(client->Command(absl::StrCat(command, " ", number)), StartsWith("-ERR "))
          << command << " " << number;
      EXPECT_THAT(client->Command(absl::StrCat("TOP ", number, " 0")), StartsWith("-ERR "))
          << number;
    }
  }
  EXPECT_THAT(client->Command("DELE"), StartsWith("-ERR "));
  EXPECT_THAT(client->Command("RETR"), StartsWith("-ERR "));
  EXPECT_EQ(client->Command("STAT"), "+OK 4 55");
}

TEST_F(TransactionTest, RefusesArgumentsWhereNoneAreTaken) {
  auto client = Open();
  for (const char* command : {"STAT 1", "NOOP x", "RSET 1", "CAPA x", "QUIT now"}) {
    EXPECT_THAT(client->Command(command), StartsWith("-ERR ")) << command;
  }
  EXPECT_EQ(client->Command("NOOP"), "+OK");
}

TEST_F(TransactionTest, RefusesASecondLoginAndWhatNobodyKnows) {
  auto client = Open();
  for (const char* command :
       {"USER user", "PASS secret", "AUTH PLAIN", "STLS", "APOP a b", "XYZZY", ""}) {
    EXPECT_THAT(client->Command(command), StartsWith("-ERR ")) << command;
  }
  EXPECT_EQ(client->Command("NOOP"), "+OK");
}

TEST_F(TransactionTest, AnswersALongLineOnceAndUnderstandsTheNext) {
  auto client = Open();
  client->Send(absl::StrCat("DELE 1", std::string(300, ' '), "\r\nSTAT\r\n"));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR "));
  EXPECT_EQ(client->ReadLine(), "+OK 4 55");
}

TEST_F(TransactionTest, TakesNulsForNoPartOfANumber) {
  auto client = Open();
  client->Send(absl::string_view("DELE 1\0\r\nSTAT\r\n", 15));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR "));
  EXPECT_EQ(client->ReadLine(), "+OK 4 55");
}

TEST_F(TransactionTest, ListsAMaildropOfManyPages) {
  storage_.AddGiantAccount("giant", "secret", 10'000, 4);
  auto client = Open("giant");
  EXPECT_EQ(client->Command("STAT"), "+OK 10000 1000000");
  EXPECT_EQ(storage_.rows_calls(), 0);
  std::string expected;
  for (uint32_t number = 1; number <= 10'000; ++number) {
    absl::StrAppend(&expected, number, " u", number + (number - 1) / 3, "\r\n");
  }
  EXPECT_EQ(client->MultiLine("UIDL"), expected);
  EXPECT_LE(storage_.rows_calls(), 10'000 / 512 + 1);
  EXPECT_EQ(client->Command("UIDL 1"), "+OK 1 u1");
  EXPECT_EQ(client->Command("LIST 9999"), "+OK 9999 100");
}

TEST_F(TransactionTest, ListsAMillionMessages) {
  storage_.AddGiantAccount("giant", "secret", 1'000'000, 0);
  auto client = Open("giant");
  std::string first;
  client->Send("UIDL\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  size_t octets = 0;
  for (uint32_t number = 1; number <= 1'000'000; ++number) {
    octets += absl::StrCat(number, " u", number, "\r\n").size();
  }
  const std::string all = client->ReadOctets(octets + 3);
  EXPECT_EQ(all.size(), octets + 3);
  EXPECT_EQ(all.substr(0, 12), "1 u1\r\n2 u2\r\n");
  EXPECT_EQ(all.substr(octets - 18), "1000000 u1000000\r\n.\r\n");
}

TEST_F(TransactionTest, DeletesEveryOtherOfManyMessages) {
  storage_.AddGiantAccount("giant", "secret", 2'000, 0);
  auto client = Open("giant");
  std::string commands;
  for (int number = 1; number <= 2'000; number += 2) {
    absl::StrAppend(&commands, "DELE ", number, "\r\n");
  }
  client->Send(commands);
  for (int i = 0; i < 1'000; ++i) ASSERT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_EQ(client->Command("STAT"), "+OK 1000 100000");
  EXPECT_THAT(client->Command("QUIT"), StartsWith("+OK"));
  const v1::CommitRequest commit = storage_.last_commit();
  ASSERT_EQ(commit.delete_uids_size(), 1'000);
  EXPECT_EQ(commit.delete_uids(999).first(), 1'999u);
}

// With gaps between the UIDs, which have to be asked for again.
TEST_F(TransactionTest, DeletesEveryOtherOfTwentyThousandMessages) {
  storage_.AddGiantAccount("giant", "secret", 20'000, 7);
  auto client = Open("giant");
  std::string commands;
  for (int number = 2; number <= 20'000; number += 2) {
    absl::StrAppend(&commands, "DELE ", number, "\r\n");
  }
  std::thread sending([&] { client->Send(commands); });
  for (int i = 0; i < 10'000; ++i) EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  sending.join();
  EXPECT_THAT(client->Command("STAT"), StartsWith("+OK 10000 "));
  EXPECT_THAT(client->Command("DELE 2"), StartsWith("-ERR "));
  const std::string rest = client->MultiLine("UIDL");
  EXPECT_EQ(std::count(rest.begin(), rest.end(), '\n'), 10'000);
  EXPECT_THAT(client->Command("QUIT"), StartsWith("+OK"));
  const v1::CommitRequest commit = storage_.last_commit();
  ASSERT_EQ(commit.delete_uids_size(), 10'000);
  for (int i = 0; i < 10'000; ++i) {
    // Of each seven UIDs there are six messages.
    const auto number = static_cast<uint32_t>(2 * i + 2);
    const uint32_t uid = number + (number - 1) / 6;
    ASSERT_EQ(commit.delete_uids(i).first(), uid) << number;
    ASSERT_EQ(commit.delete_uids(i).last(), uid) << number;
  }
}

TEST_F(TransactionTest, DeletesNothingWhenTheUidsOfWhatIsMarkedCannotBeHad) {
  storage_.AddGiantAccount("giant", "secret", 20'000, 0);
  auto client = Open("giant");
  std::string commands;
  for (int number = 2; number <= 20'000; number += 2) {
    absl::StrAppend(&commands, "DELE ", number, "\r\n");
  }
  std::thread sending([&] { client->Send(commands); });
  for (int i = 0; i < 10'000; ++i) EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  sending.join();
  storage_.ForgetSessions();
  EXPECT_THAT(client->Command("QUIT"), StartsWith("-ERR [SYS/TEMP]"));
  EXPECT_TRUE(client->AtEnd());
}

}  // namespace
}  // namespace restante::pop3
