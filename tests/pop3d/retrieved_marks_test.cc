#include "pop3d/retrieved_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace restante::pop3 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<uint32_t, uint32_t>> Runs(const RetrievedMarks& marks) {
  google::protobuf::RepeatedPtrField<v1::UidRange> ranges;
  marks.AppendTo(&ranges);
  std::vector<std::pair<uint32_t, uint32_t>> runs;
  for (const v1::UidRange& range : ranges) runs.emplace_back(range.first(), range.last());
  return runs;
}

TEST(RetrievedMarksTest, CountAMessageOnceItsLastOctetHasLeft) {
  RetrievedMarks marks;
  marks.Add(1, 11, 100);
  marks.Add(2, 12, 200);
  EXPECT_TRUE(marks.HasUnsent());
  marks.Settle(99);
  EXPECT_THAT(Runs(marks), IsEmpty());
  marks.Settle(100);
  EXPECT_THAT(Runs(marks), ElementsAre(Pair(11, 11)));
  marks.Settle(1000);
  EXPECT_FALSE(marks.HasUnsent());
  EXPECT_THAT(Runs(marks), ElementsAre(Pair(11, 12)));
}

TEST(RetrievedMarksTest, CountAMessageOnceHoweverOftenItIsRetrieved) {
  RetrievedMarks marks;
  for (uint64_t i = 0; i < 10; ++i) marks.Add(5, 50, i);
  marks.Settle(10);
  EXPECT_THAT(Runs(marks), ElementsAre(Pair(50, 50)));
}

TEST(RetrievedMarksTest, KeepAMillionMessagesInOrderAsOneRun) {
  RetrievedMarks marks;
  for (uint32_t number = 1; number <= 1'000'000; ++number) {
    marks.Add(number, number, number);
    marks.Settle(number);
  }
  EXPECT_THAT(Runs(marks), ElementsAre(Pair(1, 1'000'000)));
}

TEST(RetrievedMarksTest, LeaveOutWhatWouldTakeTooManyRuns) {
  RetrievedMarks marks;
  for (uint32_t i = 0; i <= MessageMarks::kMaxRuns; ++i) {
    marks.Add(2 * i + 1, 2 * i + 1, i);
    marks.Settle(i);
  }
  EXPECT_EQ(Runs(marks).size(), MessageMarks::kMaxRuns);
}

}  // namespace
}  // namespace restante::pop3
