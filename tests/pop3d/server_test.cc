// The server around its sessions: limits, start and end.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "common/grpc_channel.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ServerTest : public SessionTest {
 protected:
  ServerTest() { storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n"}); }
};

TEST_F(ServerTest, RefusesAnAddressThatAnotherServerListensOn) {
  StartServer();
  ServerOptions options;
  options.listen = {address()};
  options.exchange_channel = OpenChannel(storage_.address());
  options.body_channel = OpenBodyChannel(storage_.address());
  const absl::StatusOr<std::unique_ptr<Server>> second = Server::Create(std::move(options));
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat("127.0.0.1:", address().port())));
}

TEST_F(ServerTest, ServesEveryAddressOnEveryThread) {
  const auto any = asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0);
  options_.listen = {any, any};
  StartServer();
  for (const auto& each : server_->addresses()) {
    for (int i = 0; i < 20; ++i) {
      Client client(each);
      EXPECT_EQ(client.LogIn("user", "secret"), "+OK Logged in.");
      EXPECT_EQ(client.Command("QUIT"), "+OK Logging out.");
    }
  }
}

TEST_F(ServerTest, TellsAConnectionTooManyToComeBack) {
  options_.settings.max_connections = 2;
  auto first = Connect();
  auto second = Connect();
  EXPECT_THAT(first->ReadLine(), StartsWith("+OK"));
  EXPECT_THAT(second->ReadLine(), StartsWith("+OK"));
  auto third = Connect();
  EXPECT_THAT(third->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
  EXPECT_TRUE(third->AtEnd());
  EXPECT_EQ(first->Command("QUIT"), "+OK Bye.");
  EXPECT_TRUE(first->AtEnd());
}

TEST_F(ServerTest, EndsIdleSessionsAtShutdownWithAWordAndWithoutDeletion) {
  auto client = Open();
  client->Command("DELE 1");
  server_->Shutdown();
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
  EXPECT_TRUE(client->AtEnd());
  client->Close();
  server_->Wait();
  EXPECT_FALSE(storage_.IsLocked("user"));
  EXPECT_EQ(storage_.Uids("user").size(), 2u);
}

TEST_F(ServerTest, LetsSessionsGoOnWhileItDrains) {
  options_.settings.drain_time = std::chrono::minutes(10);
  auto client = Open();
  server_->Shutdown();
  client->Command("DELE 1");
  EXPECT_EQ(client->MultiLine("RETR 2"), "2\r\n");
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out, messages deleted.");
  // The last session has gone, so the drain time needn't pass.
  server_->Wait();
  EXPECT_EQ(storage_.Uids("user").size(), 1u);
}

TEST_F(ServerTest, TakesNoConnectionOnceItShutsDown) {
  auto client = Open();
  const auto where = address();
  server_->Shutdown();
  client->Close();
  server_->Wait();
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  asio::error_code error;
  socket.connect(where, error);
  EXPECT_EQ(error, asio::error::connection_refused);
}

TEST_F(ServerTest, ShutsDownWhileTheStorageServiceIsAway) {
  auto client = Open();
  storage_.Stop();
  server_->Shutdown();
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/TEMP] "));
  client->Close();
  server_->Wait();
}

TEST_F(ServerTest, IsNotReadyBeforeTheStorageServiceAnswers) {
  storage_.Stop();
  options_.exchange_channel = OpenChannel(storage_.address());
  options_.body_channel = OpenBodyChannel(storage_.address());
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Create(std::move(options_));
  ASSERT_TRUE(server.ok()) << server.status();
  absl::Mutex mutex;
  bool ready = false;
  (*server)->Start([&] {
    absl::MutexLock lock(&mutex);
    ready = true;
  });
  clock_.AwaitLooks();
  {
    absl::MutexLock lock(&mutex);
    EXPECT_FALSE(ready);
  }
  storage_.Start();
  absl::MutexLock lock(&mutex);
  EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&ready), absl::Seconds(20)));
}

TEST_F(ServerTest, EndsBeforeTheStorageServiceEverAnswered) {
  storage_.Stop();
  options_.exchange_channel = OpenChannel(storage_.address());
  options_.body_channel = OpenBodyChannel(storage_.address());
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Create(std::move(options_));
  ASSERT_TRUE(server.ok()) << server.status();
  (*server)->Start(nullptr);
  (*server)->Shutdown();
  (*server)->Wait();
}

TEST_F(ServerTest, GathersTheOperationsOfManySessions) {
  constexpr int kSessions = 200;
  for (int i = 0; i < kSessions; ++i) {
    storage_.AddAccount(absl::StrCat("user", i), "secret", {});
  }
  StartServer();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kSessions; ++i) {
    clients.push_back(Connect());
    EXPECT_THAT(clients.back()->ReadLine(), StartsWith("+OK"));
  }
  // The first login keeps the stream busy while the others come.
  storage_.HoldOperations(true);
  const int before = storage_.exchange_messages();
  for (int i = 0; i < kSessions; ++i) {
    Client& client = *clients[static_cast<size_t>(i)];
    EXPECT_EQ(client.Command(absl::StrCat("USER user", i)), "+OK Send PASS.");
    client.Send("PASS secret\r\n");
  }
  storage_.HoldOperations(false);
  for (auto& client : clients) EXPECT_EQ(client->ReadLine(), "+OK Logged in.");
  EXPECT_LT(storage_.exchange_messages() - before, kSessions + 1);
}

TEST_F(ServerTest, KeepsServingWhileOtherConnectionsSayNothing) {
  StartServer();
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(Connect());
  auto client = Open();
  EXPECT_EQ(client->Command("STAT"), "+OK 2 6");
}

}  // namespace
}  // namespace restante::pop3
