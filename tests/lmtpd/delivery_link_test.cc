// The shared stream by itself: what travels together, what survives its break.
#include "plugins/lmtpd/delivery_link.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "asio/executor_work_guard.hpp"
#include "asio/post.hpp"
#include "common/grpc_channel.h"
#include "tests/lmtpd/fake_storage.h"

namespace restante::lmtp {
namespace {

// Keeps what arrives.
class Inbox final : public DeliveryLink::End {
 public:
  void Receive(DeliveryLink::News news) override {
    absl::MutexLock lock(&mutex_);
    lost_below_ = std::max(lost_below_, news.lost_below);
    for (v1::DeliveryResult& result : news.results) results_.push_back(std::move(result));
  }

  std::vector<v1::DeliveryResult> Await(size_t results) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] {
      mutex_.AssertHeld();
      return results_.size() >= results;
    };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20)));
    return results_;
  }

  void AwaitLost(uint64_t below) {
    absl::MutexLock lock(&mutex_);
    const auto lost = [&] {
      mutex_.AssertHeld();
      return lost_below_ >= below;
    };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&lost), absl::Seconds(20)));
  }

 private:
  absl::Mutex mutex_;
  std::vector<v1::DeliveryResult> results_ ABSL_GUARDED_BY(mutex_);
  uint64_t lost_below_ ABSL_GUARDED_BY(mutex_) = 0;
};

class DeliveryLinkTest : public testing::Test {
 protected:
  void StartLink(std::chrono::milliseconds wait = std::chrono::seconds(20)) {
    link_ = std::make_unique<DeliveryLink>(OpenChannel(storage_.address()), wait, io_,
                                           std::vector<DeliveryLink::End*>{&inbox_});
    link_->Start([this] { up_.Notify(); });
    thread_ = std::thread([this] { io_.run(); });
  }

  void TearDown() override {
    asio::post(io_, [this] {
      link_->Stop();
      io_.stop();
    });
    thread_.join();
    link_.reset();
  }

  static std::vector<v1::DeliveryPart> Check(uint64_t id, const std::string& recipient) {
    std::vector<v1::DeliveryPart> parts(1);
    parts[0].set_id(id);
    parts[0].mutable_check()->add_recipients(recipient);
    return parts;
  }

  FakeStorage storage_;
  Inbox inbox_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<DeliveryLink> link_;
  absl::Notification up_;
  std::thread thread_;
};

TEST_F(DeliveryLinkTest, SendsWhatHasGatheredInOneMessage) {
  storage_.Stop();
  StartLink();
  for (uint64_t id = 100; id < 140; ++id) link_->Send(Check(id, "user"));
  storage_.Start();
  EXPECT_EQ(inbox_.Await(40).size(), 40u);
  EXPECT_EQ(storage_.messages(), 1);
  EXPECT_EQ(storage_.parts(), 40);
}

// Each of these parts is under the service's limit of 4 MiB for a message; together they
// aren't, and broke the stream when only the messages' octets were counted.
TEST_F(DeliveryLinkTest, KeepsMessagesBelowTheLimitWhenManyRecipientsGather) {
  StartLink();
  std::vector<v1::DeliveryPart> parts(8);
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].set_id(100 + i);
    parts[i].set_data("x\r\n");
    parts[i].set_last(true);
    for (int k = 0; k < 1000; ++k) {
      parts[i].mutable_envelope()->add_recipients(std::string(2000, 'a') + std::to_string(k));
    }
  }
  link_->Send(std::move(parts));
  for (const v1::DeliveryResult& result : inbox_.Await(8)) EXPECT_TRUE(result.has_delivered());
  EXPECT_EQ(storage_.streams(), 1);
}

// While one write's end is told of, another thread begins the next one: for
// ThreadSanitizer.
TEST_F(DeliveryLinkTest, TakesFromManyThreadsWhileWritesEnd) {
  constexpr int kThreads = 4;
  constexpr uint64_t kEach = 300;
  StartLink();
  up_.WaitForNotification();
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kThreads; ++sender) {
    senders.emplace_back([&, sender] {
      for (uint64_t i = 0; i < kEach; ++i) {
        link_->Send(Check(1000 + sender * kEach + i, "user"));
        // Writes that carry one part each end while others begin.
        std::this_thread::yield();
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(inbox_.Await(kThreads * kEach).size(), kThreads * kEach);
}

TEST_F(DeliveryLinkTest, LosesWhatWasSentAndKeepsWhatWasNotWhenTheStreamBreaks) {
  StartLink();
  storage_.HoldAnswers();
  link_->Send(Check(100, "sent"));
  storage_.AwaitUnanswered(1);
  storage_.Stop();
  inbox_.AwaitLost(101);
  link_->Send(Check(101, "kept"));
  storage_.Resume();
  storage_.Start();
  const auto results = inbox_.Await(1);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].id(), 101u);
  EXPECT_TRUE(results[0].has_checked());
}

TEST_F(DeliveryLinkTest, FailsWhatWaitsTooLongForAStream) {
  storage_.Stop();
  StartLink(std::chrono::milliseconds(20));
  link_->Send(Check(100, "user"));
  const auto results = inbox_.Await(1);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].has_error());
  EXPECT_FALSE(up_.HasBeenNotified());
}

TEST_F(DeliveryLinkTest, WaitsInAnOutageOnceAndNotForEachOperation) {
  constexpr std::chrono::milliseconds kWait(500);
  storage_.Stop();
  StartLink(kWait);
  link_->Send(Check(100, "user"));
  ASSERT_TRUE(inbox_.Await(1)[0].has_error());
  const auto begin = std::chrono::steady_clock::now();
  for (uint64_t id = 101; id < 111; ++id) {
    link_->Send(Check(id, "user"));
    EXPECT_TRUE(inbox_.Await(id - 99).back().has_error());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5 * kWait);

  storage_.Start();
  up_.WaitForNotification();
  link_->Send(Check(200, "user"));
  EXPECT_TRUE(inbox_.Await(12).back().has_checked());
}

TEST_F(DeliveryLinkTest, ForgetsWhatIsWithdrawn) {
  storage_.Stop();
  StartLink();
  link_->Send(Check(100, "withdrawn"));
  link_->Send(Check(101, "kept"));
  link_->Withdraw(100);
  storage_.Start();
  EXPECT_EQ(inbox_.Await(1)[0].id(), 101u);
  EXPECT_EQ(storage_.parts(), 1);
}

}  // namespace
}  // namespace restante::lmtp
