#include "pop3d/message_marks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

namespace restante::pop3 {
namespace {

TEST(MessageMarksTest, CountsWhatIsMarked) {
  MessageMarks marks;
  EXPECT_TRUE(marks.empty());
  EXPECT_TRUE(marks.Add(3, 30, 100));
  EXPECT_TRUE(marks.Add(1, 10, 20));
  EXPECT_EQ(marks.count(), 2u);
  EXPECT_EQ(marks.octets(), 120u);
  EXPECT_TRUE(marks.Contains(1));
  EXPECT_FALSE(marks.Contains(2));
  EXPECT_TRUE(marks.Contains(3));
  marks.Clear();
  EXPECT_TRUE(marks.empty());
  EXPECT_EQ(marks.octets(), 0u);
  EXPECT_FALSE(marks.Contains(1));
}

TEST(MessageMarksTest, KeepsAMillionMarksInOrderAsOneRun) {
  MessageMarks marks;
  for (uint32_t number = 1; number <= 1'000'000; ++number) marks.Add(number, number * 2, 1);
  EXPECT_EQ(marks.run_count(), 1u);
  ASSERT_EQ(marks.UidRuns().size(), 1u);
  EXPECT_EQ(marks.UidRuns()[0].first, 2u);
  EXPECT_EQ(marks.UidRuns()[0].last, 2'000'000u);
}

TEST(MessageMarksTest, JoinsRunsInWhateverOrderTheyGrow) {
  constexpr uint32_t kCount = 500;
  std::vector<uint32_t> order(kCount);
  std::iota(order.begin(), order.end(), 1);
  std::mt19937 random(7);
  std::shuffle(order.begin(), order.end(), random);
  MessageMarks marks;
  std::set<uint32_t> model;
  for (const uint32_t number : order) {
    ASSERT_FALSE(marks.Contains(number));
    ASSERT_TRUE(marks.Add(number, number + 1000, 1));
    model.insert(number);
    std::set<uint32_t> uids;
    for (const UidRun& run : marks.UidRuns()) {
      for (uint32_t uid = run.first; uid <= run.last; ++uid) uids.insert(uid - 1000);
    }
    ASSERT_EQ(uids, model);
  }
  EXPECT_EQ(marks.run_count(), 1u);
}

TEST(MessageMarksTest, RefusesMoreRunsThanItMayKeepAndGoesOnWithThose) {
  MessageMarks marks;
  for (uint32_t i = 0; i < MessageMarks::kMaxRuns; ++i) ASSERT_TRUE(marks.Add(2 * i + 1, i, 1));
  const auto next = static_cast<uint32_t>(2 * MessageMarks::kMaxRuns + 1);
  EXPECT_FALSE(marks.Add(next, 1, 1));
  EXPECT_FALSE(marks.Contains(next));
  EXPECT_EQ(marks.count(), MessageMarks::kMaxRuns);
  EXPECT_TRUE(marks.Add(2, 1, 1));
}

}  // namespace
}  // namespace restante::pop3
