// The link to the storage service by itself, without sessions: how it shows life.
#include "pop3d/storage_link.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "asio/post.hpp"
#include "common/grpc_channel.h"
#include "tests/pop3d/fake_storage.h"

namespace restante::pop3 {
namespace {

class StorageLinkTest : public testing::Test {
 protected:
  void Start() {
    link_.emplace(control_, options_, OpenChannel(storage_.address()),
                  OpenBodyChannel(storage_.address()));
    link_->Start([] {});
    thread_ = std::thread([this] { control_.run(); });
  }
  ~StorageLinkTest() override {
    asio::post(control_, [this] { link_->Stop([] {}); });
    thread_.join();
  }

  FakeStorage storage_;
  LinkOptions options_;
  asio::io_context control_;
  std::optional<StorageLink> link_;
  std::thread thread_;
};

TEST_F(StorageLinkTest, AnnouncesAHeartbeatEverySecond) {
  Start();
  ASSERT_TRUE(storage_.WaitForStreams(1));
  ASSERT_TRUE(storage_.WaitForHeartbeats(1));
  EXPECT_EQ(storage_.heartbeat_interval(), absl::Seconds(1));
}

TEST_F(StorageLinkTest, ShowsLifeWithoutAnySession) {
  options_.heartbeat = std::chrono::milliseconds(5);
  Start();
  EXPECT_TRUE(storage_.WaitForHeartbeats(20));
}

TEST_F(StorageLinkTest, ShowsLifeOnEachStream) {
  options_.heartbeat = std::chrono::milliseconds(5);
  Start();
  ASSERT_TRUE(storage_.WaitForHeartbeats(1));
  storage_.BreakStream();
  ASSERT_TRUE(storage_.WaitForStreams(2));
  const int before = storage_.heartbeats();
  EXPECT_TRUE(storage_.WaitForHeartbeats(before + 5));
  EXPECT_EQ(storage_.heartbeat_interval(), absl::Milliseconds(5));
}

}  // namespace
}  // namespace restante::pop3
