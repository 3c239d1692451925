#include "pop3d/read_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/io_context.hpp"

namespace restante::pop3 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Two slots on a clock that the test moves.
class ReadSlotsTest : public testing::Test {
 protected:
  class Reader : public ReadSlot {
   public:
    Reader(ReadSlotsTest& test, std::string name)
        : ReadSlot(test.slots_), test_(test), name_(std::move(name)) {}
    using ReadSlot::BeginWait;
    using ReadSlot::EndWait;
    using ReadSlot::held;
    using ReadSlot::Return;

    // Runs until it has a slot, queues, or has waited in vain.
    void Begin() {
      asio::co_spawn(test_.context_, AwaitSlot(), asio::detached);
      test_.Run();
    }
    std::optional<bool> taken() const { return taken_; }

   private:
    asio::awaitable<void> AwaitSlot() {
      const bool taken = co_await Take(test_.now_ + std::chrono::seconds(10));
      taken_ = taken;
      if (taken) test_.served_.push_back(name_);
    }
    void GiveUp() override { test_.given_up_.push_back(name_); }

    ReadSlotsTest& test_;
    const std::string name_;
    std::optional<bool> taken_;
  };

  void Run() {
    context_.restart();
    context_.poll();
  }
  void Advance(TimeSpan span) {
    now_ += span;
    deadlines_.Sweep();
    Run();
  }

  asio::io_context context_;
  TimePoint now_;
  Deadlines deadlines_{[this] { return now_; }};
  ReadSlots slots_{context_, deadlines_, 2};
  std::vector<std::string> served_;
  std::vector<std::string> given_up_;
  Reader a_{*this, "a"}, b_{*this, "b"}, c_{*this, "c"}, d_{*this, "d"};
};

TEST_F(ReadSlotsTest, ServesAsManyAsThereAreAndTheNextOnesInTheirOrder) {
  for (Reader* reader : {&a_, &b_, &c_, &d_}) reader->Begin();
  EXPECT_THAT(served_, ElementsAre("a", "b"));
  b_.Return();
  a_.Return();
  EXPECT_THAT(served_, ElementsAre("a", "b"));
  Run();
  EXPECT_THAT(served_, ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(given_up_, IsEmpty());
}

TEST_F(ReadSlotsTest, NeverTakesASlotFromWhoWorks) {
  for (Reader* reader : {&a_, &b_, &c_}) reader->Begin();
  Advance(std::chrono::seconds(9));
  EXPECT_TRUE(a_.held() && b_.held());
  EXPECT_THAT(given_up_, IsEmpty());
}

TEST_F(ReadSlotsTest, TakesTheSlotOfTheOneThatHasWaitedLongestForItsClient) {
  a_.Begin();
  b_.Begin();
  b_.BeginWait();
  a_.BeginWait();
  c_.Begin();
  EXPECT_THAT(given_up_, ElementsAre("b"));
  EXPECT_FALSE(b_.held());
  EXPECT_TRUE(a_.held() && c_.held());
  d_.Begin();
  EXPECT_THAT(given_up_, ElementsAre("b", "a"));
  EXPECT_THAT(served_, ElementsAre("a", "b", "c", "d"));
}

TEST_F(ReadSlotsTest, TakesASlotAsSoonAsItsClientIsWaitedForIfOthersQueue) {
  for (Reader* reader : {&a_, &b_, &c_}) reader->Begin();
  a_.BeginWait();
  EXPECT_THAT(given_up_, ElementsAre("a"));
  Run();
  EXPECT_TRUE(c_.held());
}

TEST_F(ReadSlotsTest, LetsWhoWorksAgainKeepTheSlot) {
  a_.Begin();
  b_.Begin();
  a_.BeginWait();
  b_.BeginWait();
  a_.EndWait();
  c_.Begin();
  EXPECT_THAT(given_up_, ElementsAre("b"));
  EXPECT_TRUE(a_.held());
}

TEST_F(ReadSlotsTest, EndsACallAfterASecondOfWaitingForItsClient) {
  a_.Begin();
  b_.Begin();
  a_.BeginWait();
  Advance(std::chrono::milliseconds(600));
  b_.BeginWait();
  Advance(std::chrono::milliseconds(600));
  EXPECT_THAT(given_up_, ElementsAre("a"));
  Advance(std::chrono::milliseconds(600));
  EXPECT_THAT(given_up_, ElementsAre("a", "b"));
}

TEST_F(ReadSlotsTest, TellsWhoQueuesTooLong) {
  for (Reader* reader : {&a_, &b_, &c_}) reader->Begin();
  Advance(std::chrono::seconds(10));
  EXPECT_EQ(c_.taken(), false);
  a_.Return();
  Run();
  EXPECT_FALSE(c_.held());
  d_.Begin();
  EXPECT_TRUE(d_.held());
}

TEST_F(ReadSlotsTest, GivesASlotBackWithItsHolder) {
  a_.Begin();
  {
    Reader brief(*this, "brief");
    brief.Begin();
    c_.Begin();
    EXPECT_FALSE(c_.held());
  }
  Run();
  EXPECT_TRUE(c_.held());
}

}  // namespace
}  // namespace restante::pop3
