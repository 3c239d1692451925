#include "pop3d/deadlines.h"

#include <gtest/gtest.h>

#include <memory>

namespace restante::pop3 {
namespace {

using std::chrono::seconds;

class DeadlinesTest : public testing::Test {
 protected:
  TimePoint now_{};
  Deadlines deadlines_{[this] { return now_; }};
};

TEST_F(DeadlinesTest, FiresOnceAtTheSweepAfterItHasPassed) {
  int fired = 0;
  Deadline deadline(deadlines_, [&] { ++fired; });
  deadline.SetAfter(seconds(10));
  now_ += seconds(9);
  deadlines_.Sweep();
  EXPECT_EQ(fired, 0);
  now_ += seconds(1);
  deadlines_.Sweep();
  deadlines_.Sweep();
  EXPECT_EQ(fired, 1);
}

TEST_F(DeadlinesTest, DoesNotFireAtATimeFromWhichItWasMovedAway) {
  int fired = 0;
  Deadline deadline(deadlines_, [&] { ++fired; });
  deadline.SetAfter(seconds(10));
  now_ += seconds(9);
  deadline.SetAfter(seconds(10));
  now_ += seconds(9);
  deadlines_.Sweep();
  EXPECT_EQ(fired, 0);
  deadline.Clear();
  now_ += seconds(100);
  deadlines_.Sweep();
  EXPECT_EQ(fired, 0);
}

TEST_F(DeadlinesTest, LetsADeadlineDestroyItsNeighbours) {
  int fired = 0;
  std::unique_ptr<Deadline> others[3];
  for (auto& other : others) {
    other = std::make_unique<Deadline>(deadlines_, [&] {
      ++fired;
      for (auto& each : others) {
        if (each != other) each.reset();
      }
    });
    other->SetAfter(seconds(1));
  }
  now_ += seconds(1);
  deadlines_.Sweep();
  EXPECT_EQ(fired, 1);
}

TEST_F(DeadlinesTest, LetsADeadlineCreateOthers) {
  std::unique_ptr<Deadline> created;
  bool fired = false;
  Deadline deadline(deadlines_, [&] {
    created = std::make_unique<Deadline>(deadlines_, [&] { fired = true; });
    created->SetAfter(seconds(1));
  });
  deadline.SetAfter(seconds(1));
  now_ += seconds(1);
  deadlines_.Sweep();
  EXPECT_FALSE(fired);
  now_ += seconds(1);
  deadlines_.Sweep();
  EXPECT_TRUE(fired);
}

}  // namespace
}  // namespace restante::pop3
