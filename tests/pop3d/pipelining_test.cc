// Commands in segments of every shape (RFC 2449, section 6.6).
#include "absl/strings/str_cat.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::StartsWith;

constexpr absl::string_view kDialogue =
    "USER user\r\nPASS secret\r\nSTAT\r\nLIST\r\nUIDL 2\r\nRETR 1\r\nTOP 2 0\r\nDELE 1\r\n"
    "RETR 1\r\nNOOP\r\nBOGUS\r\nRSET\r\nSTAT\r\nQUIT\r\n";
constexpr absl::string_view kReplies =
    "+OK Send PASS.\r\n+OK Logged in.\r\n+OK 2 29\r\n"
    "+OK 2 messages\r\n1 9\r\n2 20\r\n.\r\n+OK 2 uidl-2\r\n"
    "+OK 9 octets\r\n..a\r\n..\r\n\r\n.\r\n+OK\r\nSubject: c\r\n\r\n.\r\n"
    "+OK Marked to be deleted.\r\n-ERR This message is marked to be deleted.\r\n+OK\r\n"
    "-ERR Unknown command.\r\n+OK\r\n+OK 2 29\r\n+OK Logging out.\r\n";

class PipeliningTest : public SessionTest {
 protected:
  PipeliningTest() {
    storage_.AddAccount("user", "secret", {".a\r\n.\r\n\r\n", "Subject: c\r\n\r\nbody\r\n"});
  }

  void ExpectReplies(Client& client) {
    EXPECT_EQ(client.ReadOctets(kReplies.size()), kReplies);
    EXPECT_TRUE(client.AtEnd());
  }
};

TEST_F(PipeliningTest, AnswersAWholeSessionInOneSegment) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->Send(kDialogue);
  ExpectReplies(*client);
}

TEST_F(PipeliningTest, AnswersAWholeSessionOctetByOctet) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->SendSlowly(kDialogue);
  ExpectReplies(*client);
}

TEST_F(PipeliningTest, AnswersAWholeSessionInSegmentsOfEverySize) {
  StartServer();
  for (size_t size = 2; size < kDialogue.size(); size += 7) {
    auto client = Connect();
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    for (size_t at = 0; at < kDialogue.size(); at += size) {
      client->Send(kDialogue.substr(at, size));
    }
    ExpectReplies(*client);
    EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
  }
}

TEST_F(PipeliningTest, AnswersAWholeSessionOverTls) {
  auto client = ConnectTls();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->Send(kDialogue);
  ExpectReplies(*client);
}

TEST_F(PipeliningTest, AnswersThousandsOfCommandsInOrder) {
  auto client = Open();
  constexpr int kCommands = 20'000;
  std::string commands;
  for (int i = 0; i < kCommands; ++i) {
    absl::StrAppend(&commands, i % 3 == 0 ? "NOOP\r\n" : i % 3 == 1 ? "LIST 2\r\n" : "NO\r\n");
  }
  client->Send(commands);
  for (int i = 0; i < kCommands; ++i) {
    ASSERT_EQ(client->ReadLine(), i % 3 == 0   ? "+OK"
                                  : i % 3 == 1 ? "+OK 2 20"
                                               : "-ERR Unknown command.");
  }
}

TEST_F(PipeliningTest, SendsTheRepliesToOneSegmentInOneSegment) {
  auto client = Open();
  client->Send("NOOP\r\nSTAT\r\nNOOP\r\nUIDL 1\r\n");
  const std::string expected = "+OK\r\n+OK 2 29\r\n+OK\r\n+OK 1 uidl-1\r\n";
  EXPECT_EQ(client->ReadLine(), "+OK");
  // The rest came with the first line.
  EXPECT_EQ(client->buffered(), expected.substr(5));
}

TEST_F(PipeliningTest, TakesLinesThatEndInABareLf) {
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->Send("USER user\nPASS secret\nSTAT\n");
  EXPECT_EQ(client->ReadLine(), "+OK Send PASS.");
  EXPECT_EQ(client->ReadLine(), "+OK Logged in.");
  EXPECT_EQ(client->ReadLine(), "+OK 2 29");
}

}  // namespace
}  // namespace restante::pop3
