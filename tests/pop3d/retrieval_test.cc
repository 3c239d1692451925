// RETR and TOP.
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

class RetrievalTest : public SessionTest {
 protected:
  // A message of about `octets`, some of whose lines begin with dots.
  static std::string Message(size_t octets) {
    std::string message = "Subject: large\r\n\r\n";
    for (int i = 0; message.size() < octets; ++i) {
      absl::StrAppend(&message, i % 3 == 0 ? "." : "", "line ", i, " of the message\r\n");
    }
    return message;
  }

  void ExpectMessage(Client& client, int number, const std::string& message) {
    std::string first;
    const std::string body = client.MultiLine(absl::StrCat("RETR ", number), &first);
    EXPECT_EQ(first, absl::StrCat("+OK ", message.size(), " octets"));
    EXPECT_EQ(body, message);
  }
};

TEST_F(RetrievalTest, SendsMessagesAsTheyAre) {
  const std::vector<std::string> messages = {
      "Subject: plain\r\n\r\nbody\r\n",
      ".\r\n",
      "..first\r\n.\r\n...\r\n",
      "",
      "Subject: header only\r\n",
      absl::StrCat("Subject: long\r\n\r\n", std::string(1 << 20, 'x'), "\r\n"),
      std::string("Subject: nul\r\n\r\n\0\0\r\n", 20),
      "Subject: caff\xe8\r\n\r\n\xff\xfe\r\n",
      "Subject: cr\r\n\r\na\rb\r\r\n",
      "\r\n",
  };
  storage_.AddAccount("user", "secret", messages);
  auto client = Open();
  for (size_t i = 0; i < messages.size(); ++i) {
    ExpectMessage(*client, static_cast<int>(i + 1), messages[i]);
  }
}

TEST_F(RetrievalTest, StuffsDotsOnTheWire) {
  storage_.AddAccount("user", "secret", {".a\r\n.\r\nb.\r\n"});
  auto client = Open();
  client->Send("RETR 1\r\n");
  EXPECT_EQ(client->ReadLine(), "+OK 11 octets");
  EXPECT_EQ(client->ReadOctets(16), "..a\r\n..\r\nb.\r\n.\r\n");
}

TEST_F(RetrievalTest, StuffsDotsAtTheBordersOfFrames) {
  const std::string message = "Subject: a\r\n\r\n.b\r\n..\r\n.\r\nc.d\r\n";
  storage_.AddAccount("user", "secret", {message, message});
  auto client = Open();
  for (size_t octets = 1; octets <= message.size(); ++octets) {
    storage_.SetFrameOctets(octets);
    ExpectMessage(*client, 1, message);
  }
}

TEST_F(RetrievalTest, SendsALargeMessageThatNeedsNoStuffingFrameByFrame) {
  const std::string message =
      absl::StrCat("Subject: a\r\n\r\n", std::string(5 << 20, 'x'), "\r\n");
  storage_.AddAccount("user", "secret", {message});
  auto client = Open();
  ExpectMessage(*client, 1, message);
}

TEST_F(RetrievalTest, SendsALargeMessageThatNeedsStuffing) {
  const std::string message = Message(3 << 20);
  storage_.AddAccount("user", "secret", {message, "Subject: next\r\n\r\n"});
  auto client = Open();
  ExpectMessage(*client, 1, message);
  ExpectMessage(*client, 2, "Subject: next\r\n\r\n");
}

TEST_F(RetrievalTest, SendsHeaderBlankLineAndAsManyBodyLinesAsTopAsksFor) {
  const std::string header = "Subject: a\r\nTo: b\r\n\r\n";
  storage_.AddAccount("user", "secret", {header + "1\r\n.2\r\n3\r\n", "Subject: x\r\n", ""});
  auto client = Open();
  std::string first;
  EXPECT_EQ(client->MultiLine("TOP 1 0", &first), header);
  EXPECT_EQ(first, "+OK");
  EXPECT_EQ(client->MultiLine("TOP 1 1"), header + "1\r\n");
  EXPECT_EQ(client->MultiLine("TOP 1 2"), header + "1\r\n.2\r\n");
  EXPECT_EQ(client->MultiLine("TOP 1 3"), header + "1\r\n.2\r\n3\r\n");
  EXPECT_EQ(client->MultiLine("TOP 1 18446744073709551615"), header + "1\r\n.2\r\n3\r\n");
  EXPECT_EQ(client->MultiLine("top 2 5"), "Subject: x\r\n");
  EXPECT_EQ(client->MultiLine("TOP 3 1"), "");
}

TEST_F(RetrievalTest, RefusesTopWithoutBothNumbers) {
  storage_.AddAccount("user", "secret", {"Subject: a\r\n\r\n"});
  auto client = Open();
  for (const char* command : {"TOP", "TOP 1", "TOP 1 -1", "TOP 1 x", "TOP 0 1", "TOP 2 1",
                              "TOP 1 1 1", "TOP 1 18446744073709551616"}) {
    EXPECT_THAT(client->Command(command), StartsWith("-ERR ")) << command;
  }
}

TEST_F(RetrievalTest, RefusesAMessageThatCannotBeReadAndServesTheOthers) {
  storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n", "3\r\n"});
  storage_.AnswerReadsOf(2, MakeError(v1::ERROR_REASON_CORRUPT, "checksum"));
  auto client = Open();
  client->Send("RETR 1\r\nRETR 2\r\nRETR 3\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_EQ(client->ReadBody(), "1\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/PERM] "));
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_EQ(client->ReadBody(), "3\r\n");
}

TEST_F(RetrievalTest, TellsThatAMessageIsGoneByOneExactError) {
  storage_.AddAccount("user", "secret", {"1\r\n"});
  storage_.AnswerReadsOf(1, MakeError(v1::ERROR_REASON_NO_SUCH_MESSAGE, "gone"));
  auto client = Open();
  EXPECT_EQ(client->Command("RETR 1"), "-ERR This message is no longer there.");
  EXPECT_EQ(client->Command("NOOP"), "+OK");
}

TEST_F(RetrievalTest, ClosesWithoutTheFinalDotWhenAReadFailsInTheMiddle) {
  const std::string message = Message(300'000);
  storage_.AddAccount("user", "secret", {message});
  storage_.BreakReadsOf(1, 200'000);
  auto client = Open();
  client->Send("RETR 1\r\nNOOP\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  const std::string received = client->ReadOctets(1 << 20);
  EXPECT_LT(received.size(), message.size());
  EXPECT_FALSE(absl::StrContains(received, "\r\n.\r\n"));
  EXPECT_FALSE(absl::StrContains(received, "-ERR"));
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
}

TEST_F(RetrievalTest, ClosesWithoutTheFinalDotWhenTheStreamBreaksInTheMiddle) {
  storage_.AddAccount("user", "secret", {Message(300'000)});
  storage_.EndReadsAfter(2, absl::UnavailableError("gone"));
  auto client = Open();
  client->Send("RETR 1\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_FALSE(absl::StrContains(client->ReadOctets(1 << 20), "\r\n.\r\n"));
}

TEST_F(RetrievalTest, NeverSendsAnotherNumberOfOctetsThanItAnnounced) {
  storage_.AddAccount("user", "secret", {Message(300'000), "small\r\n"});
  storage_.LieAboutOctets(-1);
  auto client = Open();
  EXPECT_THAT(client->Command("RETR 2"), StartsWith("-ERR "));
  client->Send("RETR 1\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_FALSE(absl::StrContains(client->ReadOctets(1 << 20), "\r\n.\r\n"));
}

TEST_F(RetrievalTest, ClosesWhenAMessageIsShorterThanAnnounced) {
  storage_.AddAccount("user", "secret", {Message(300'000)});
  storage_.LieAboutOctets(1);
  auto client = Open();
  client->Send("RETR 1\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_FALSE(absl::StrContains(client->ReadOctets(1 << 20), "\r\n.\r\n"));
}

TEST_F(RetrievalTest, TakesARunOfPipelinedRetrsFromOneCall) {
  std::vector<std::string> messages;
  std::string commands;
  for (int i = 1; i <= 50; ++i) {
    messages.push_back(
        absl::StrCat("Subject: ", i, "\r\n\r\n.\r\n", std::string(4000, 'x'), "\r\n"));
    absl::StrAppend(&commands, i % 5 == 0 ? "TOP " : "RETR ", i, i % 5 == 0 ? " 0" : "",
                    "\r\n");
  }
  storage_.AddAccount("user", "secret", messages);
  auto client = Open();
  client->Send(commands);
  for (int i = 1; i <= 50; ++i) {
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    if (i % 5 == 0) {
      EXPECT_EQ(client->ReadBody(), absl::StrCat("Subject: ", i, "\r\n\r\n"));
    } else {
      EXPECT_EQ(client->ReadBody(), messages[static_cast<size_t>(i - 1)]);
    }
  }
  // The commands may have come in several segments, but in far fewer than 50.
  EXPECT_LE(storage_.reads().size(), 3u);
}

TEST_F(RetrievalTest, LooksBehindDelesForTheNextRetrs) {
  storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n", "3\r\n"});
  auto client = Open();
  client->Send("RETR 1\r\nDELE 1\r\nRETR 2\r\nDELE 2\r\nRETR 3\r\nDELE 3\r\nQUIT\r\n");
  for (int i = 1; i <= 3; ++i) {
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    EXPECT_EQ(client->ReadBody(), absl::StrCat(i, "\r\n"));
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  }
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_EQ(storage_.reads().size(), 1u);
  EXPECT_TRUE(storage_.Uids("user").empty());
}

TEST_F(RetrievalTest, FetchesAheadForAClientThatTakesMessageAfterMessage) {
  std::vector<std::string> messages;
  for (int i = 1; i <= 30; ++i) {
    messages.push_back(
        absl::StrCat("Subject: ", i, "\r\n\r\n", std::string(4000, 'x'), "\r\n"));
  }
  storage_.AddAccount("user", "secret", messages);
  auto client = Open();
  for (int i = 1; i <= 30; ++i) {
    ExpectMessage(*client, i, messages[static_cast<size_t>(i - 1)]);
  }
  EXPECT_EQ(storage_.reads().size(), 2u);
}

TEST_F(RetrievalTest, FetchesAheadNoMoreThanAFewMessagesAndNoneThatIsMarked) {
  std::vector<std::string> messages(10, std::string(100'000, 'x') + "\r\n");
  storage_.AddAccount("user", "secret", messages);
  auto client = Open();
  client->Command("DELE 4");
  ExpectMessage(*client, 1, messages[0]);
  ExpectMessage(*client, 2, messages[0]);
  const std::vector<v1::ReadRequest> reads = storage_.reads();
  ASSERT_EQ(reads.size(), 2u);
  ASSERT_EQ(reads[1].parts_size(), 2);
  EXPECT_EQ(reads[1].parts(1).uid(), 3u);
}

TEST_F(RetrievalTest, ServesAnotherMessageThanTheOneFetchedAhead) {
  std::vector<std::string> messages;
  for (int i = 1; i <= 20; ++i) messages.push_back(Message(static_cast<size_t>(i) * 1000));
  storage_.AddAccount("user", "secret", messages);
  auto client = Open();
  for (const int number : {1, 2, 3, 10, 11, 12, 4, 4, 5, 20, 1, 2}) {
    ExpectMessage(*client, number, messages[static_cast<size_t>(number - 1)]);
  }
  EXPECT_EQ(client->MultiLine("TOP 3 0"), "Subject: large\r\n\r\n");
}

TEST_F(RetrievalTest, ReadsNoFasterThanTheClientTakes) {
  // 32 MiB in 512 frames; sockets and gRPC's windows may hold some of it.
  const std::string message =
      absl::StrCat("Subject: a\r\n\r\n", std::string(32 << 20, 'x'), "\r\n");
  storage_.AddAccount("user", "secret", {message});
  StartServer();
  Client client(address(), false, 16 * 1024);
  EXPECT_EQ(client.LogIn("user", "secret"), "+OK Logged in.");
  client.Send("RETR 1\r\n");
  EXPECT_THAT(client.ReadLine(), StartsWith("+OK"));
  // Everything that could move without the client has moved when nothing has for a
  // while; the sweeps of the server's threads are the measure of time.
  int before = -1;
  while (storage_.frames_sent() != before) {
    before = storage_.frames_sent();
    for (int i = 0; i < 20; ++i) clock_.AwaitLooks();
  }
  EXPECT_LT(before, 128);
  EXPECT_EQ(client.ReadOctets(message.size()), message);
  EXPECT_EQ(client.ReadLine(), ".");
}

TEST_F(RetrievalTest, FreesTheLockWhenTheClientGoesInTheMiddleOfAMessage) {
  storage_.AddAccount("user", "secret", {Message(20 << 20)});
  auto client = Open();
  client->Command("DELE 1");
  client->Command("RSET");
  client->Send("RETR 1\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->Close(/*reset=*/true);
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_EQ(storage_.Uids("user").size(), 1u);
}

TEST_F(RetrievalTest, ServesManyClientsAtOnce) {
  const std::string message = Message(200'000);
  constexpr int kClients = 20;
  for (int i = 0; i < kClients; ++i) {
    storage_.AddAccount(absl::StrCat("user", i), "secret", {message, message});
  }
  StartServer();
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([this, i, &message] {
      auto client = Open(absl::StrCat("user", i));
      ExpectMessage(*client, 1, message);
      ExpectMessage(*client, 2, message);
      EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace restante::pop3
