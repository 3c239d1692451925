#include "storage-service/store/uid_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace restante::store {
namespace {

std::string Text(const std::vector<UidRange>& runs) {
  std::string text;
  for (const UidRange& run : runs) {
    absl::StrAppend(&text, text.empty() ? "" : " ", run.first, ":", run.last);
  }
  return text;
}

TEST(UidRuns, UidsThatFollowOneAnotherAreARun) {
  EXPECT_EQ(Text(RunsOf({})), "");
  EXPECT_EQ(Text(RunsOf({1, 2, 3, 5, 7, 8})), "1:3 5:5 7:8");
}

TEST(UidRuns, RunsAreOrderedAndJoined) {
  EXPECT_EQ(Text(Ordered({{7, 9}, {1, 2}, {3, 4}, {8, 12}, {20, 19}})), "1:4 7:12");
  EXPECT_EQ(Text(Ordered({{5, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}, {1, 1}})),
            "1:1 5:4294967295");
}

TEST(UidRuns, ContainsLooksIntoTheRightRun) {
  const std::vector<UidRange> runs{{2, 4}, {8, 8}};
  for (const uint32_t uid : {2u, 3u, 4u, 8u}) EXPECT_TRUE(Contains(runs, uid)) << uid;
  for (const uint32_t uid : {1u, 5u, 7u, 9u}) EXPECT_FALSE(Contains(runs, uid)) << uid;
}

TEST(UidRuns, WithoutCutsHoles) {
  EXPECT_EQ(Text(Without({{1, 10}}, {})), "1:10");
  EXPECT_EQ(Text(Without({{1, 10}, {20, 30}}, {{3, 4}, {10, 21}, {29, 40}})), "1:2 5:9 22:28");
  EXPECT_EQ(Text(Without({{1, 10}, {12, 13}}, {{1, 13}})), "");
  EXPECT_EQ(Text(Without({{5, UINT32_MAX}}, {{UINT32_MAX, UINT32_MAX}})), "5:4294967294");
}

}  // namespace
}  // namespace restante::store
