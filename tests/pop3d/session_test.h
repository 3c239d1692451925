// The fixture of the session tests: a real server on port 0, its storage service a
// fake one, and a clock that the test moves.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "pop3d/server.h"
#include "tests/pop3d/client.h"
#include "tests/pop3d/fake_storage.h"

namespace restante::pop3 {

// Stands still unless it is moved. Thread-safe.
class TestClock {
 public:
  TimePoint Now();
  void Advance(TimeSpan span);
  // Waits until everybody who watches deadlines has looked at the time again.
  void AwaitLooks();
  TimeSource AsSource() {
    return [this] { return Now(); };
  }

 private:
  absl::Mutex mutex_;
  TimePoint now_ ABSL_GUARDED_BY(mutex_) = std::chrono::steady_clock::now();
  int looks_ ABSL_GUARDED_BY(mutex_) = 0;
};

class SessionTest : public testing::Test {
 protected:
  SessionTest();
  ~SessionTest() override;

  std::string Path(const std::string& name) const { return (dir_ / name).string(); }
  // Instead of the one certificate of "localhost".
  void UseTls(ServerTlsOptions tls_options);
  // Changes settings before this; called by the first Connect otherwise.
  void StartServer();
  void StopServer();
  std::unique_ptr<Client> Connect();
  std::unique_ptr<Client> ConnectTls();
  // Logged in as `user` with the password "secret".
  std::unique_ptr<Client> Open(const std::string& user = "user");
  asio::ip::tcp::endpoint address() const { return server_->addresses().front(); }

  FakeStorage storage_;
  TestClock clock_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;

 private:
  std::filesystem::path dir_;
};

}  // namespace restante::pop3
