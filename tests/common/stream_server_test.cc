#include "common/stream_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "asio/connect.hpp"
#include "asio/ip/tcp.hpp"
#include "asio/read.hpp"
#include "asio/read_until.hpp"
#include "asio/write.hpp"

namespace restante {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// Answers each line with itself.
asio::awaitable<void> Echo(StreamConnection& connection) {
  while (true) {
    const size_t end = connection.input().find('\n');
    bool open = false;
    if (end == std::string::npos) {
      open = co_await connection.Receive();
    } else {
      std::string line = connection.input().substr(0, end + 1);
      connection.input().erase(0, end + 1);
      open = co_await connection.Send(std::move(line));
    }
    if (!open) co_return;
  }
}

asio::awaitable<void> SendForEver(StreamConnection& connection) {
  bool open = true;
  while (open) {
    std::string octets(100'000, 'x');
    open = co_await connection.Send(std::move(octets));
  }
}

class StreamServerTest : public testing::Test {
 protected:
  void Start(StreamServer::Serve serve, StreamServerSettings settings = {}) {
    settings.component = "test";
    server_ = std::make_unique<StreamServer>(settings);
    ASSERT_TRUE(server_->Listen("127.0.0.1:0", std::move(serve)).ok());
    server_->Start();
  }

  asio::ip::tcp::socket Connect() {
    asio::ip::tcp::socket socket(io_);
    socket.connect(server_->addresses().front().tcp);
    return socket;
  }

  // The answer to a line; empty if the server has hung up.
  static std::string Ask(asio::ip::tcp::socket& socket, const std::string& line) {
    asio::error_code error;
    asio::write(socket, asio::buffer(line), error);
    std::string answer;
    asio::read_until(socket, asio::dynamic_buffer(answer), '\n', error);
    return answer;
  }

  static void AwaitEnd(asio::ip::tcp::socket& socket) {
    char octets[65536];
    asio::error_code error;
    while (!error) socket.read_some(asio::buffer(octets), error);
  }

  asio::io_context io_;
  std::unique_ptr<StreamServer> server_;
};

TEST_F(StreamServerTest, ServesConnectionsBesideEachOther) {
  Start(Echo);
  auto first = Connect();
  auto second = Connect();
  EXPECT_EQ(Ask(second, "b\n"), "b\n");
  EXPECT_EQ(Ask(first, "a\n"), "a\n");
  EXPECT_EQ(Ask(second, std::string(100'000, 'c') + "\n").size(), 100'001u);
}

TEST_F(StreamServerTest, OneConnectionTooManyIsClosedAndThereIsRoomAgain) {
  Start(Echo, {.max_connections = 1});
  {
    auto first = Connect();
    EXPECT_EQ(Ask(first, "a\n"), "a\n");
    auto second = Connect();
    EXPECT_EQ(Ask(second, "b\n"), "");
  }
  std::string answer;
  while (answer.empty()) {
    auto third = Connect();
    answer = Ask(third, "c\n");
  }
  EXPECT_EQ(answer, "c\n");
}

TEST_F(StreamServerTest, ASilentClientIsHungUpOn) {
  Start(Echo, {.idle_timeout = milliseconds(30)});
  auto client = Connect();
  AwaitEnd(client);
}

TEST_F(StreamServerTest, AClientThatTakesNothingIsHungUpOn) {
  Start(SendForEver, {.max_connections = 1, .idle_timeout = milliseconds(30)});
  auto client = Connect();
  // Its place is free again, although it is still there.
  size_t got = 0;
  while (got == 0) {
    auto other = Connect();
    char octet = 0;
    asio::error_code error;
    got = other.read_some(asio::buffer(&octet, 1), error);
  }
}

TEST_F(StreamServerTest, StopEndsConnectionsAndPauses) {
  Start([](StreamConnection& connection) -> asio::awaitable<void> {
    const bool whole = co_await connection.Pause(std::chrono::hours(1));
    EXPECT_FALSE(whole);
  });
  auto paused = Connect();
  auto silent = Connect();
  server_->Stop();
  AwaitEnd(paused);
  AwaitEnd(silent);
}

TEST_F(StreamServerTest, ListensOnSocketsOfTheirMode) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("restante-" + std::to_string(getpid()) + ".s"))
          .string();
  StreamServer server({.component = "test", .unix_mode = 0640});
  ASSERT_TRUE(server.Listen("unix:" + path, Echo).ok());
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            static_cast<std::filesystem::perms>(0640));
  server.Start();
  server.Stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(StreamServerTest, AnAddressThatCannotBeTakenIsNamed) {
  Start(Echo);
  const std::string taken = FormatAddress(server_->addresses().front());
  StreamServer other({.component = "test"});
  EXPECT_THAT(std::string(other.Listen(taken, Echo).message()),
              HasSubstr("can't listen on " + taken));
  EXPECT_THAT(std::string(other.Listen("nowhere", Echo).message()), HasSubstr("'nowhere'"));
}

}  // namespace
}  // namespace restante
