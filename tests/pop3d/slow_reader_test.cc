// Clients that take a message slowly or stop in the middle of it: what is kept for
// them meanwhile, and that they get every octet in the end.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pop3d/read_slots.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::StartsWith;

class SlowReaderTest : public SessionTest {
 protected:
  // Far more than the sockets and gRPC's windows hold.
  static constexpr size_t kOctets = 16 << 20;
  static constexpr int kReceiveBuffer = 16 * 1024;

  static std::string Message(bool dots) {
    std::string message = "Subject: large\r\n\r\n";
    for (int i = 0; message.size() < kOctets; ++i) {
      absl::StrAppend(&message, dots && i % 3 == 0 ? "." : "", "line ", i,
                      " of the message, which is a long one\r\n");
    }
    return message;
  }

  std::unique_ptr<Client> OpenSlow(const std::string& user = "user", bool tls = false) {
    if (server_ == nullptr) StartServer();
    auto client = std::make_unique<Client>(
        tls ? server_->tls_addresses().front() : server_->addresses().front(), tls,
        kReceiveBuffer);
    EXPECT_EQ(client->LogIn(user, "secret"), "+OK Logged in.");
    return client;
  }

  // Until everything that can move without the clients has moved; the sweeps of the
  // server's threads are the measure of time.
  void AwaitStandstill() {
    int before = -1;
    while (storage_.frames_sent() != before) {
      before = storage_.frames_sent();
      for (int i = 0; i < 20; ++i) clock_.AwaitLooks();
    }
  }

  void LetPatienceEnd() {
    clock_.Advance(ReadSlots::kPatience);
    clock_.AwaitLooks();
    clock_.AwaitLooks();
  }

  // Until `count` calls in all were ended because their clients had stopped. What seems to
  // stand still on a busy machine may only be slow.
  void AwaitEndOfCalls(int count) {
    do {
      AwaitStandstill();
      LetPatienceEnd();
    } while (storage_.cut_reads() < count);
  }
};

TEST_F(SlowReaderTest, EndsTheCallOfAClientThatStopsAndGoesOnWhereItWas) {
  const std::string message = Message(false);
  storage_.AddAccount("user", "secret", {message});
  auto client = OpenSlow();
  client->Send("RETR 1\r\n");
  EXPECT_EQ(client->ReadLine(), absl::StrCat("+OK ", message.size(), " octets"));
  AwaitStandstill();
  EXPECT_EQ(storage_.reads().size(), 1u);
  AwaitEndOfCalls(1);
  EXPECT_TRUE(client->ReadBody() == message);
  ASSERT_EQ(storage_.reads().size(), 2u);
  EXPECT_GT(storage_.reads()[1].parts(0).range().offset(), 0u);
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
}

TEST_F(SlowReaderTest, StuffsDotsAcrossACallThatEnded) {
  const std::string message = Message(true);
  storage_.AddAccount("user", "secret", {message});
  auto client = OpenSlow();
  client->Send("RETR 1\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  AwaitEndOfCalls(1);
  EXPECT_TRUE(client->ReadBody() == message);
  EXPECT_EQ(storage_.reads().size(), 2u);
}

TEST_F(SlowReaderTest, GoesOnInTopWhereItWas) {
  const std::string message = Message(true);
  storage_.AddAccount("user", "secret", {message});
  auto client = OpenSlow();
  client->Send("TOP 1 1000000000\r\n");
  EXPECT_EQ(client->ReadLine(), "+OK");
  AwaitEndOfCalls(1);
  EXPECT_TRUE(client->ReadBody() == message);
  ASSERT_EQ(storage_.reads().size(), 2u);
  EXPECT_TRUE(storage_.reads()[1].parts(0).has_top());
}

TEST_F(SlowReaderTest, GoesOnOverTlsWhereItWas) {
  for (const bool dots : {false, true}) {
    const std::string message = Message(dots);
    storage_.AddAccount(dots ? "dots" : "none", "secret", {message});
    auto client = OpenSlow(dots ? "dots" : "none", /*tls=*/true);
    client->Send("RETR 1\r\n");
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    AwaitEndOfCalls(dots ? 2 : 1);
    EXPECT_TRUE(client->ReadBody() == message);
  }
  EXPECT_EQ(storage_.reads().size(), 4u);
}

TEST_F(SlowReaderTest, GoesOnWithARunOfPipelinedRetrs) {
  const std::string message = Message(true);
  storage_.AddAccount("user", "secret", {"1\r\n", message, ".3\r\n", message, "5\r\n"});
  auto client = OpenSlow();
  client->Send("RETR 1\r\nRETR 2\r\nDELE 2\r\nRETR 3\r\nRETR 4\r\nRETR 5\r\nNOOP\r\n");
  for (int i = 0; i < 2; ++i) {
    AwaitStandstill();
    LetPatienceEnd();
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    EXPECT_EQ(client->ReadBody(), i == 0 ? "1\r\n" : ".3\r\n");
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    EXPECT_TRUE(client->ReadBody() == message);
    if (i == 0) {
      EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));  // DELE
    }
  }
  EXPECT_EQ(client->ReadLine(), "+OK 3 octets");
  EXPECT_EQ(client->ReadBody(), "5\r\n");
  EXPECT_EQ(client->ReadLine(), "+OK");
}

TEST_F(SlowReaderTest, ForgetsWhatItFetchedAheadForAClientThatPauses) {
  std::vector<std::string> messages(10, "small\r\n");
  storage_.AddAccount("user", "secret", messages);
  auto client = OpenSlow();
  for (int i = 1; i <= 3; ++i) client->MultiLine(absl::StrCat("RETR ", i));
  EXPECT_EQ(storage_.reads().size(), 2u);
  LetPatienceEnd();
  EXPECT_EQ(client->MultiLine("RETR 4"), "small\r\n");
  ASSERT_EQ(storage_.reads().size(), 3u);
  EXPECT_EQ(storage_.reads()[2].parts_size(), 7);
  EXPECT_EQ(client->MultiLine("RETR 5"), "small\r\n");
  EXPECT_EQ(storage_.reads().size(), 3u);
}

TEST_F(SlowReaderTest, ServesOthersWhenMoreClientsHaveStoppedThanItReadsForAtOnce) {
  options_.threads = 1;
  const std::string message = Message(false).substr(0, 8 << 20) + "\r\n";
  std::vector<std::unique_ptr<Client>> stopped;
  for (size_t i = 0; i <= ReadSlots::kSlots; ++i) {
    const std::string user = absl::StrCat("slow", i);
    storage_.AddAccount(user, "secret", {message});
    stopped.push_back(OpenSlow(user));
    stopped.back()->Send("RETR 1\r\n");
    EXPECT_THAT(stopped.back()->ReadLine(), StartsWith("+OK"));
  }
  AwaitStandstill();
  storage_.AddAccount("user", "secret", {message});
  auto client = Open();
  EXPECT_TRUE(client->MultiLine("RETR 1") == message);
  for (const size_t i : {size_t{0}, size_t{1}, ReadSlots::kSlots}) {
    EXPECT_TRUE(stopped[i]->ReadBody() == message) << i;
  }
}

TEST_F(SlowReaderTest, CutsAMessageOffThatCannotBeReadOnAfterTheCallEnded) {
  storage_.AddAccount("user", "secret", {Message(false)});
  auto client = OpenSlow();
  client->Send("RETR 1\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  AwaitEndOfCalls(1);
  storage_.ForgetSessions();
  EXPECT_FALSE(absl::StrContains(client->ReadOctets(kOctets * 2), "\r\n.\r\n"));
}

}  // namespace
}  // namespace restante::pop3
