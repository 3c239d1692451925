#include "tests/pop3d/session_test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdlib.h>

#include <cstdio>

#include "absl/synchronization/notification.h"
#include "common/grpc_channel.h"
#include "common/tls.h"

namespace restante::pop3 {
namespace {

// A key and a certificate of its own.
void WriteCertificate(const std::filesystem::path& dir) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  FILE* file = fopen((dir / "cert.pem").c_str(), "w");
  PEM_write_X509(file, certificate);
  fclose(file);
  file = fopen((dir / "key.pem").c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

}  // namespace

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
  WriteCertificate(dir_);
  absl::StatusOr<asio::ssl::context> tls =
      MakeServerTls((dir_ / "cert.pem").string(), (dir_ / "key.pem").string());
  if (!tls.ok()) ADD_FAILURE() << tls.status();
  options_.tls = *std::move(tls);
  options_.settings.allow_cleartext_passwords = true;
  options_.settings.failed_login_delay = TimeSpan(0);
  options_.settings.drain_time = TimeSpan(0);
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
