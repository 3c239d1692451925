#include "storage-service/store/row_cache.h"

#include <gtest/gtest.h>

#include <vector>

namespace restante::store {
namespace {

ListedRow Row(uint32_t uid) {
  ListedRow row;
  row.uid = uid;
  row.octets = uid * 10;
  return row;
}

std::vector<ListedRow> RowsUpTo(uint32_t last) {
  std::vector<ListedRow> rows;
  for (uint32_t uid = 1; uid <= last; ++uid) rows.push_back(Row(uid));
  return rows;
}

std::vector<uint32_t> UidsOf(const std::optional<MaildropRowPage>& page) {
  std::vector<uint32_t> uids;
  if (page) {
    for (const MaildropRow& row : page->rows) uids.push_back(row.uid);
  }
  return uids;
}

TEST(RowCache, KnowsNothingAtFirst) {
  RowCache cache;
  EXPECT_FALSE(cache.Page(0, 2, 10, true));
}

TEST(RowCache, AnswersAWholeSmallMailbox) {
  RowCache cache;
  cache.Fill(RowsUpTo(3), 4);
  const auto page = cache.Page(0, 4, 64, true);
  EXPECT_EQ(UidsOf(page), (std::vector<uint32_t>{1, 2, 3}));
  EXPECT_TRUE(page->end);
}

TEST(RowCache, GoesOnAfterAUidAndStopsAtTheLimit) {
  RowCache cache;
  cache.Fill(RowsUpTo(5), 6);
  const auto page = cache.Page(1, 6, 2, true);
  EXPECT_EQ(UidsOf(page), (std::vector<uint32_t>{2, 3}));
  EXPECT_FALSE(page->end);
}

TEST(RowCache, LeavesOutWhatCameAfterTheList) {
  RowCache cache;
  cache.Fill(RowsUpTo(5), 6);
  const auto page = cache.Page(0, 3, 64, true);
  EXPECT_EQ(UidsOf(page), (std::vector<uint32_t>{1, 2}));
  EXPECT_TRUE(page->end);
}

TEST(RowCache, FollowsDeliveriesUntilItIsFull) {
  RowCache cache;
  cache.Fill({}, 1);
  for (uint32_t uid = 1; uid <= 100; ++uid) cache.Add(Row(uid), uid);
  EXPECT_EQ(UidsOf(cache.Page(0, 101, 64, true)).size(), 64u);
  EXPECT_FALSE(cache.Page(0, 101, 64, true)->end);
  EXPECT_FALSE(cache.Page(0, 101, 65, true)) << "it has only 64 rows";
  EXPECT_FALSE(cache.Page(64, 101, 10, true));
}

TEST(RowCache, DoesNotTakeARowAfterAGap) {
  RowCache cache;
  cache.Fill(RowsUpTo(70), 71);
  cache.Remove({1, 2});
  cache.Add(Row(71), 71);
  EXPECT_FALSE(cache.Page(0, 72, 64, true)) << "65 to 70 are missing between";
  EXPECT_EQ(UidsOf(cache.Page(0, 72, 62, true)).size(), 62u);
}

TEST(RowCache, ForgetsWhatWasExpunged) {
  RowCache cache;
  cache.Fill(RowsUpTo(4), 5);
  cache.Remove({2, 3});
  EXPECT_EQ(UidsOf(cache.Page(0, 5, 64, true)), (std::vector<uint32_t>{1, 4}));
}

TEST(RowCache, KnowsThatAnEmptyMailboxIsEmpty) {
  RowCache cache;
  cache.Fill({}, 9);
  const auto page = cache.Page(0, 9, 64, true);
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->rows.empty());
  EXPECT_TRUE(page->end);
}

}  // namespace
}  // namespace restante::store
