// What the tests of whole sessions share: a storage service that does as it is told, and
// a real server in front of it, on free ports of loopback.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/errors.h"
#include "plugins/lmtpd/config.h"
#include "plugins/lmtpd/server.h"
#include "tests/lmtpd/fake_storage.h"
#include "tests/lmtpd/lmtp_client.h"

namespace restante::lmtp {

class LmtpTest : public testing::Test {
 protected:
  using Configure = std::function<void(config::LmtpdConfig&)>;

  // Returns when the server has reached the storage service.
  void StartServer(Configure configure = nullptr) {
    Start(std::move(configure));
    ASSERT_TRUE(ready_->WaitForNotificationWithTimeout(absl::Seconds(20)));
  }

  // Doesn't wait for that.
  void Start(Configure configure = nullptr) {
    config::LmtpdConfig config = DefaultConfig();
    config.clear_listen();
    config.add_listen("127.0.0.1:0");
    config.mutable_storage()->set_address(storage_.address());
    config.set_hostname("mx.test");
    config.set_threads(2);
    if (configure) configure(config);
    ready_ = std::make_shared<absl::Notification>();
    auto server = Server::Start(
        config, [ready = ready_](const std::vector<ListenAddress>&,
                                 const std::vector<ListenAddress>&) { ready->Notify(); });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    port_ = server_->addresses().front().tcp.port();
  }

  int port() const { return port_; }
  Server& server() { return *server_; }

  // MAIL, RCPT for each, and DATA, in one piece; expects that everything is accepted.
  static void BeginMessage(LmtpClient& client, const std::vector<std::string>& recipients) {
    std::string commands = "MAIL FROM:<sender@example.org>\r\n";
    for (const std::string& recipient : recipients)
      commands += "RCPT TO:<" + recipient + ">\r\n";
    client.Send(commands + "DATA\r\n");
    for (size_t i = 0; i < recipients.size() + 1; ++i) {
      EXPECT_THAT(client.Reply(), testing::StartsWith("250 2.1."));
    }
    EXPECT_THAT(client.Reply(), testing::StartsWith("354 "));
  }

  FakeStorage storage_;

 private:
  std::shared_ptr<absl::Notification> ready_;
  std::unique_ptr<Server> server_;
  int port_ = 0;
};

}  // namespace restante::lmtp
