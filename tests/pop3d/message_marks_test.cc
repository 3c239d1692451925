#include "pop3d/message_marks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <vector>

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

// All runs, one after the other.
std::vector<MessageMarks::Run> RunsOf(const MessageMarks& marks) {
  std::vector<MessageMarks::Run> runs;
  for (auto run = marks.RunFrom(1); run.has_value(); run = marks.RunFrom(run->last + 1)) {
    runs.push_back(*run);
  }
  EXPECT_EQ(runs.size(), marks.run_count());
  return runs;
}

TEST(MessageMarksTest, KeepsAMillionMarksInOrderAsOneRun) {
  MessageMarks marks(1'000'000);
  for (uint32_t number = 1; number <= 1'000'000; ++number) marks.Add(number, number * 2, 1);
  const std::vector<MessageMarks::Run> runs = RunsOf(marks);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].last, 1'000'000u);
  ASSERT_TRUE(runs[0].uids.has_value());
  EXPECT_EQ(runs[0].uids->first, 2u);
  EXPECT_EQ(runs[0].uids->last, 2'000'000u);
}

class MarksOfMaildropTest : public testing::TestWithParam<uint32_t> {};

TEST_P(MarksOfMaildropTest, JoinRunsInWhateverOrderTheyGrow) {
  const uint32_t count = GetParam();
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 1);
  std::mt19937 random(7);
  std::shuffle(order.begin(), order.end(), random);
  MessageMarks marks(count);
  std::set<uint32_t> model;
  for (const uint32_t number : order) {
    ASSERT_FALSE(marks.Contains(number));
    ASSERT_TRUE(marks.Add(number, number + 1000, 1));
    ASSERT_TRUE(marks.Contains(number));
    model.insert(number);
    if (model.size() % (count / 50) != 0) continue;
    std::set<uint32_t> numbers;
    for (const MessageMarks::Run& run : RunsOf(marks)) {
      for (uint32_t each = run.first; each <= run.last; ++each) numbers.insert(each);
      if (!run.uids.has_value()) continue;
      ASSERT_EQ(run.uids->first, run.first + 1000);
      ASSERT_EQ(run.uids->last, run.last + 1000);
    }
    ASSERT_EQ(numbers, model);
  }
  EXPECT_EQ(marks.run_count(), 1u);
  EXPECT_EQ(marks.count(), count);
}
// With runs alone, and with more of them than are kept.
INSTANTIATE_TEST_SUITE_P(SmallAndLarge, MarksOfMaildropTest, testing::Values(500u, 8'000u));

TEST(MessageMarksTest, MarksAnySetOfMessagesInEightKibibytes) {
  constexpr size_t kMost = 8 * 1024 + 128;
  for (const uint32_t messages : {20'000u, MessageMarks::kMaxDenseMessages}) {
    MessageMarks marks(messages);
    for (uint32_t number = 1; number <= messages; number += 2) {
      ASSERT_TRUE(marks.Add(number, number, 3));
      ASSERT_LE(marks.OctetsOfMemory(), kMost);
    }
    EXPECT_EQ(marks.count(), messages / 2);
    EXPECT_EQ(marks.octets(), messages / 2 * uint64_t{3});
    EXPECT_EQ(RunsOf(marks).size(), messages / 2);
    EXPECT_FALSE(marks.Contains(messages));
    EXPECT_TRUE(marks.Add(messages, messages, 3));
    marks.Clear();
    EXPECT_FALSE(marks.Contains(1));
    EXPECT_LT(marks.OctetsOfMemory(), 200u);
  }
}

TEST(MessageMarksTest, RefusesMoreRunsOfALargerMaildropThanItKeepsAndGoesOnWithThose) {
  MessageMarks marks(MessageMarks::kMaxDenseMessages + 1);
  for (uint32_t i = 0; i < MessageMarks::kMaxRuns; ++i) ASSERT_TRUE(marks.Add(2 * i + 1, i, 1));
  const auto next = static_cast<uint32_t>(2 * MessageMarks::kMaxRuns + 1);
  EXPECT_FALSE(marks.Add(next, 1, 1));
  EXPECT_FALSE(marks.Contains(next));
  EXPECT_EQ(marks.count(), MessageMarks::kMaxRuns);
  EXPECT_TRUE(marks.Add(2, 1, 1));
  EXPECT_LE(marks.OctetsOfMemory(), 8u * 1024 + 128);
}

}  // namespace
}  // namespace restante::pop3
