#include "pop3d/message_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/io_context.hpp"

namespace restante::pop3 {
namespace {

// A list by rule: UIDs from 1 up, without the multiples of `gap`.
class Source final : public RowSource {
 public:
  Source(uint32_t count, uint32_t gap) : count_(count), gap_(gap) {}

  uint32_t UidOf(uint32_t number) const {
    return gap_ == 0 ? number : number + (number - 1) / (gap_ - 1);
  }
  v1::MaildropSession Session() const {
    v1::MaildropSession session;
    session.set_message_count(count_);
    session.set_uid_next(count_ == 0 ? 1 : UidOf(count_) + 1);
    session.set_octets(count_ * uint64_t{7});
    return session;
  }
  google::protobuf::RepeatedPtrField<v1::MaildropRow> First(uint32_t limit) const {
    return PageAfter(0, limit).rows();
  }

  asio::awaitable<absl::StatusOr<v1::RowsResponse>> Rows(uint32_t after_uid,
                                                         uint32_t limit) override {
    ++calls;
    rows_asked += limit;
    if (!answer.ok()) co_return answer;
    co_return PageAfter(after_uid, short_by < limit ? limit - short_by : 0);
  }

  int calls = 0;
  uint64_t rows_asked = 0;
  uint32_t short_by = 0;
  absl::Status answer;
  size_t uidl_octets = 0;

 private:
  v1::RowsResponse PageAfter(uint32_t after_uid, uint32_t limit) const {
    v1::RowsResponse response;
    const uint32_t before = gap_ == 0 ? after_uid : after_uid - after_uid / gap_;
    for (uint32_t number = before + 1;
         number <= count_ && static_cast<uint32_t>(response.rows_size()) < limit; ++number) {
      v1::MaildropRow& row = *response.add_rows();
      row.set_uid(UidOf(number));
      row.set_octets(number * uint64_t{10});
      row.set_has_dot_line(number % 2 == 0);
      std::string uidl = absl::StrCat("uidl-", row.uid());
      if (uidl.size() < uidl_octets) uidl.resize(uidl_octets, 'x');
      row.set_uidl(uidl);
    }
    return response;
  }

  const uint32_t count_;
  const uint32_t gap_;
};

// Runs a coroutine that never leaves this thread.
absl::StatusOr<MessageList::Row> Get(MessageList& list, uint32_t number) {
  asio::io_context context;
  std::optional<absl::StatusOr<MessageList::Row>> result;
  auto get = [&]() -> asio::awaitable<void> { result = co_await list.Get(number); };
  asio::co_spawn(context, get(), asio::detached);
  context.run();
  return *result;
}

class MessageListTest : public testing::Test {
 protected:
  void ExpectRow(const Source& source, MessageList& list, uint32_t number) {
    const absl::StatusOr<MessageList::Row> row = Get(list, number);
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ(row->number, number);
    EXPECT_EQ(row->uid, source.UidOf(number));
    EXPECT_EQ(row->octets, number * uint64_t{10});
    EXPECT_EQ(row->has_dot_line, number % 2 == 0);
    EXPECT_EQ(row->uidl.substr(0, row->uidl.find('x')), absl::StrCat("uidl-", row->uid));
  }
};

TEST_F(MessageListTest, NeedsNoCallForASmallMaildrop) {
  Source source(64, 3);
  MessageList list(source, source.Session(), source.First(64));
  for (uint32_t number = 1; number <= 64; ++number) ExpectRow(source, list, number);
  EXPECT_EQ(source.calls, 0);
  EXPECT_EQ(list.count(), 64u);
  EXPECT_EQ(list.octets(), 64u * 7);
}

TEST_F(MessageListTest, PagesThroughTheListWithOneCallAPage) {
  Source source(5000, 7);
  MessageList list(source, source.Session(), source.First(64));
  for (uint32_t number = 1; number <= 5000; ++number) ExpectRow(source, list, number);
  EXPECT_EQ(source.calls, (5000 - 64 + 511) / 512);
}

TEST_F(MessageListTest, FindsEachMessageFromAnyOtherOfAMillionInBoundedMemory) {
  Source source(1'000'000, 10);
  source.uidl_octets = 70;
  MessageList list(source, source.Session(), source.First(64));
  for (const uint32_t number : {999'999u, 1u, 500'000u, 500'001u, 250'000u, 1'000'000u, 65u,
                                512u, 513u, 1024u, 777'777u, 2u}) {
    ExpectRow(source, list, number);
    EXPECT_LE(list.OctetsOfMemory(), 22u * 1024 + 256) << number;
  }
}

TEST_F(MessageListTest, KeepsAsManyRowsOfAPageAsTheirUidlsLeaveRoomFor) {
  Source source(5000, 7);
  source.uidl_octets = 70;
  MessageList list(source, source.Session(), source.First(64));
  for (uint32_t number = 1; number <= 5000; ++number) ExpectRow(source, list, number);
  constexpr int kRows = MessageList::kPageUidlOctets / 70;
  EXPECT_EQ(source.calls, (5000 - 64 + kRows - 1) / kRows);
  for (uint32_t number = 5000; number >= 1; --number) ExpectRow(source, list, number);
}

TEST_F(MessageListTest, RemembersWhereItHasBeen) {
  Source source(1'000'000, 10);
  MessageList list(source, source.Session(), source.First(64));
  ExpectRow(source, list, 999'999);
  const int first_walk = source.calls;
  for (const uint32_t number : {400'000u, 900'000u, 10u, 650'000u}) {
    ExpectRow(source, list, number);
  }
  EXPECT_LE(source.calls, first_walk + 4 * 2);
}

TEST_F(MessageListTest, JumpsStraightIntoAListWithoutGaps) {
  Source source(1'000'000, 0);
  MessageList list(source, source.Session(), source.First(64));
  ExpectRow(source, list, 1'000'000);
  ExpectRow(source, list, 500'000);
  EXPECT_EQ(source.calls, 2);
}

TEST_F(MessageListTest, NeverAsksForMoreThanThereIs) {
  Source source(70, 0);
  MessageList list(source, source.Session(), source.First(64));
  ExpectRow(source, list, 70);
  EXPECT_EQ(source.rows_asked, 6u);
}

TEST_F(MessageListTest, ServesAWalkBackwardsPageByPage) {
  for (const uint32_t gap : {0u, 3u}) {
    Source source(4096, gap);
    MessageList list(source, source.Session(), source.First(64));
    ExpectRow(source, list, 4096);
    const int before = source.calls;
    for (uint32_t number = 4095; number > 1024; --number) ExpectRow(source, list, number);
    EXPECT_LE(source.calls - before, 8);
  }
}

TEST_F(MessageListTest, GoesOnAfterPagesThatAreShorterThanAskedFor) {
  Source source(3000, 4);
  source.short_by = 500;
  MessageList list(source, source.Session(), source.First(64));
  ExpectRow(source, list, 2000);
  ExpectRow(source, list, 100);
}

TEST_F(MessageListTest, ReportsWhatTheSourceReports) {
  Source source(1000, 4);
  MessageList list(source, source.Session(), source.First(64));
  source.answer = absl::UnavailableError("away");
  EXPECT_TRUE(absl::IsUnavailable(Get(list, 1000).status()));
  source.answer = absl::OkStatus();
  ExpectRow(source, list, 1000);
}

TEST_F(MessageListTest, ReportsAListThatEndsTooEarly) {
  Source source(1000, 4);
  v1::MaildropSession session = source.Session();
  session.set_message_count(1100);
  MessageList list(source, session, source.First(64));
  EXPECT_TRUE(absl::IsInternal(Get(list, 1050).status()));
}

}  // namespace
}  // namespace restante::pop3
