#include "tests/pop3d/session_test.h"

#include <signal.h>
#include <stdlib.h>

#include "absl/synchronization/notification.h"
#include "common/grpc_channel.h"
#include "tests/common/certificates.h"

namespace restante::pop3 {
TimePoint TestClock::Now() {
  absl::MutexLock lock(&mutex_);
  ++looks_;
  return now_;
}

void TestClock::Advance(TimeSpan span) {
  absl::MutexLock lock(&mutex_);
  now_ += span;
}

void TestClock::AwaitLooks() {
  // More than one sweep of each of the server's threads.
  constexpr int kEnough = 20;
  absl::MutexLock lock(&mutex_);
  const int enough = looks_ + kEnough;
  const auto looked = [this, enough]()
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return looks_ >= enough; };
  mutex_.Await(absl::Condition(&looked));
}

SessionTest::SessionTest() {
  signal(SIGPIPE, SIG_IGN);
  std::string pattern = testing::TempDir() + "/restante-pop3-XXXXXX";
  dir_ = mkdtemp(pattern.data());
  TestCertificate().Write(Path("cert.pem"), Path("key.pem"));
  UseTls({.certificates = {{Path("cert.pem"), Path("key.pem")}}, .alpn = "pop3"});
  options_.settings.allow_cleartext_passwords = true;
  options_.settings.failed_login_delay = TimeSpan(0);
  options_.settings.drain_time = TimeSpan(0);
  // All clients of a test have one address, and their clock stands still.
  options_.settings.of_address = {.connections = 0, .new_connections_per_minute = 0};
  options_.listen = {{asio::ip::make_address("127.0.0.1"), 0}};
  options_.listen_tls = {{asio::ip::make_address("127.0.0.1"), 0}};
  options_.threads = 2;
  options_.now = clock_.AsSource();
  options_.sweep_interval = std::chrono::milliseconds(2);
}

SessionTest::~SessionTest() {
  StopServer();
  std::filesystem::remove_all(dir_);
}

void SessionTest::UseTls(ServerTlsOptions tls_options) {
  absl::StatusOr<std::unique_ptr<ServerTls>> tls = ServerTls::Create(std::move(tls_options));
  if (!tls.ok()) ADD_FAILURE() << tls.status();
  options_.tls = *std::move(tls);
}

void SessionTest::StartServer() {
  options_.exchange_channel = OpenChannel(storage_.address());
  options_.body_channel = OpenBodyChannel(storage_.address());
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Create(std::move(options_));
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  absl::Notification ready;
  server_->Start([&ready] { ready.Notify(); });
  ASSERT_TRUE(ready.WaitForNotificationWithTimeout(absl::Seconds(20)));
}

void SessionTest::StopServer() {
  if (server_ == nullptr) return;
  server_->Shutdown();
  server_->Wait();
  server_.reset();
}

std::unique_ptr<Client> SessionTest::Connect() {
  if (server_ == nullptr) StartServer();
  return std::make_unique<Client>(server_->addresses().front());
}

std::unique_ptr<Client> SessionTest::ConnectTls() {
  if (server_ == nullptr) StartServer();
  return std::make_unique<Client>(server_->tls_addresses().front(), /*tls=*/true);
}

std::unique_ptr<Client> SessionTest::Open(const std::string& user) {
  std::unique_ptr<Client> client = Connect();
  EXPECT_EQ(client->LogIn(user, "secret"), "+OK Logged in.");
  return client;
}

}  // namespace restante::pop3
