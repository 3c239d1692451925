// Messages with UTF-8 in their headers, to sessions that take it and to those that
// don't: sizes, lists and every kind of reading.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/normaliser.h"
#include "tests/store/decode_words.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

constexpr char kHeader[] = "From: jörg@example.org\r\nSubject: Grüezi\r\n\r\n";
constexpr char kSurrogate[] =
    "From: =?UTF-8?Q?j=C3=B6rg=40example=2Eorg?= :;\r\nSubject: "
    "=?UTF-8?Q?Gr=C3=BCezi?=\r\n\r\n";

class SurrogateTest : public StoreTest {
 protected:
  SurrogateTest() { CreateAccount("anna"); }

  RecipientResult DeliverUtf8(const std::string& message, size_t piece = SIZE_MAX) {
    Envelope envelope;
    envelope.recipients = {"anna"};
    envelope.smtputf8 = true;
    return DeliverWith(std::move(envelope), message, piece).at(0);
  }

  // Behind the store's back.
  static Task<absl::Status> PutRow(MemoryEngine* engine, MailboxId mailbox, StoredRow row) {
    using Version = absl::StatusOr<engine::Version>;
    Version version = co_await Await<Version>([&](Done<Version> done) {
      engine->GetVersion(MailboxShard(mailbox), std::move(done));
    });
    engine::CommitRequest request;
    request.shard = MailboxShard(mailbox);
    request.expected = *version;
    request.puts.emplace_back(RowKey(1), Encode(row));
    Version written = co_await Await<Version>(
        [&](Done<Version> done) { engine->Commit(std::move(request), std::move(done)); });
    co_return written.status();
  }

  OpenedMaildrop SessionWith(bool utf8, uint32_t first_rows = 64) {
    session_options_.utf8 = utf8;
    return Session("anna", first_rows);
  }

  std::string Whole(bool utf8, uint32_t uid) {
    const OpenedMaildrop session = SessionWith(utf8);
    absl::StatusOr<std::string> octets = Read(session, uid);
    Close(session);
    EXPECT_THAT(octets.status(), IsOk());
    return octets.ok() ? *octets : "";
  }
};

TEST_F(SurrogateTest, IsServedToWhomDoesNotTakeUtf8) {
  const std::string body = "Körper\r\n.dot\r\n";
  ASSERT_THAT(DeliverUtf8(kHeader + body).status, IsOk());
  EXPECT_EQ(Whole(true, 1), kHeader + body);
  EXPECT_EQ(Whole(false, 1), kSurrogate + body);
  ExpectClean();
}

TEST_F(SurrogateTest, SizesAreThoseOfWhatIsServed) {
  const std::string body = "Körper\r\n";
  DeliverUtf8(kHeader + body);
  Deliver("anna", "Subject: x\r\n\r\n");
  for (const bool utf8 : {true, false}) {
    const size_t octets = (utf8 ? kHeader + body : kSurrogate + body).size();
    const OpenedMaildrop session = SessionWith(utf8);
    EXPECT_EQ(session.octets, octets + 14);
    ASSERT_EQ(session.rows.size(), 2u);
    EXPECT_EQ(session.rows[0].octets, octets);
    EXPECT_EQ(Rows(session)[0].octets, octets);
    Close(session);
  }
  // The account's usage is what it is stored as.
  EXPECT_EQ(Status("anna").octets, (kHeader + body).size() + 14);
}

TEST_F(SurrogateTest, IsNotMadeOfWhatDidNotComeBySmtpUtf8) {
  Deliver("anna", std::string(kHeader) + "x\r\n");
  EXPECT_EQ(Whole(false, 1), std::string(kHeader) + "x\r\n");
  EXPECT_EQ(
      SyncWait(store().mailboxes().ListMessages("anna", "", 0, 0))->rows[0].downgraded_octets,
      0u);
}

TEST_F(SurrogateTest, IsNotMadeOfAnAsciiHeader) {
  DeliverUtf8("Subject: x\r\n\r\nKörper\r\n");
  EXPECT_EQ(
      SyncWait(store().mailboxes().ListMessages("anna", "", 0, 0))->rows[0].downgraded_octets,
      0u);
  EXPECT_EQ(Whole(false, 1), "Subject: x\r\n\r\nKörper\r\n");
}

TEST_F(SurrogateTest, TopIsTheSurrogatesHeaderAndLinesOfTheBody) {
  DeliverUtf8(std::string(kHeader) + "1\r\n2\r\n3\r\n");
  const OpenedMaildrop session = SessionWith(false);
  EXPECT_EQ(*Read(session, {1, TopPart{0}}), kSurrogate);
  EXPECT_EQ(*Read(session, {1, TopPart{2}}), std::string(kSurrogate) + "1\r\n2\r\n");
  EXPECT_EQ(*Read(session, {1, TopPart{9}}), std::string(kSurrogate) + "1\r\n2\r\n3\r\n");
}

TEST_F(SurrogateTest, RangesAreOfTheSurrogateToo) {
  const std::string body = MessageOf(200'000);
  DeliverUtf8(kHeader + body, 1000);
  const std::string surrogate = kSurrogate + body;
  const OpenedMaildrop session = SessionWith(false);
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    const size_t offset = i == 0 ? sizeof(kSurrogate) - 3 : random() % surrogate.size();
    const size_t length = 1 + random() % 70'000;
    EXPECT_TRUE(*Read(session, {1, RangePart{offset, length}}) ==
                surrogate.substr(offset, length))
        << offset << "+" << length;
  }
  EXPECT_TRUE(*Read(session, {1, RangePart{5, 0}}) == surrogate.substr(5));
  EXPECT_EQ(*Read(session, {1, RangePart{surrogate.size(), 0}}), "");
}

TEST_F(SurrogateTest, EachMessageOfTheTestsHasTheOctetsThatAreAnnounced) {
  std::vector<std::string> normal;
  for (const auto& entry :
       std::filesystem::directory_iterator(RESTANTE_SOURCE_DIR "/tests/data")) {
    if (entry.path().extension() != ".eml") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string message =
        "X-Note: è\r\n" + std::string{std::istreambuf_iterator<char>(file), {}};
    ASSERT_THAT(DeliverUtf8(message, 777).status, IsOk()) << entry.path();
    Normaliser normaliser;
    normaliser.Feed(message, normal.emplace_back());
    normaliser.Finish(normal.back());
  }
  for (const bool utf8 : {true, false}) {
    const OpenedMaildrop session = SessionWith(utf8);
    const std::vector<MaildropRow> rows = Rows(session);
    ASSERT_EQ(rows.size(), normal.size());
    uint64_t octets = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::string whole = *Read(session, rows[i].uid);
      const std::string top = *Read(session, {rows[i].uid, TopPart{0}});
      EXPECT_EQ(rows[i].octets, whole.size());
      EXPECT_TRUE(absl::StartsWith(whole, top));
      EXPECT_EQ(rows[i].has_dot_line,
                absl::StartsWith(whole, ".") || absl::StrContains(whole, "\n."));
      octets += whole.size();
      if (utf8) {
        EXPECT_TRUE(whole == normal[i]);
      } else {
        EXPECT_TRUE(
            std::all_of(top.begin(), top.end(), [](unsigned char c) { return c < 0x80; }));
        // The body is the message's own.
        const std::string body = whole.substr(top.size());
        EXPECT_TRUE(absl::EndsWith(normal[i], body));
      }
    }
    EXPECT_EQ(session.octets, octets);
    EXPECT_EQ(session.message_count, rows.size());
    Close(session);
  }
  ExpectClean();
}

TEST_F(SurrogateTest, CountersFollowDeletionsAndCrashes) {
  for (int i = 0; i < 5; ++i) DeliverUtf8(absl::StrCat(kHeader, i, "\r\n"));
  Delete("anna", {{2, 3}});
  Crash();
  const OpenedMaildrop session = SessionWith(false);
  EXPECT_EQ(session.octets, 3 * (sizeof(kSurrogate) - 1 + 3));
  ExpectClean();
  ASSERT_THAT(Commit(session, {{1, 5}}).status(), IsOk());
  EXPECT_EQ(SessionWith(false).octets, 0u);
  ExpectClean();
}

TEST_F(SurrogateTest, ASessionStaysWhatItIsOverARestart) {
  DeliverUtf8(std::string(kHeader) + "x\r\n");
  const LeaseId lease = store().maildrops().BeginLease({});
  const OpenedMaildrop session = Session("anna", 0, lease);
  Crash();
  const LeaseId again = store().maildrops().BeginLease({});
  ASSERT_THAT(SyncWait(store().maildrops().Resume(again, session.session_token)), IsOk());
  EXPECT_EQ(*Read(session, 1), std::string(kSurrogate) + "x\r\n");
}

TEST_F(SurrogateTest, AnEmptyBodyAndALargeHeaderAreServed) {
  std::string header = "Subject: è\r\n";
  for (int i = 0; i < 3000; ++i)
    header += absl::StrCat("X-", i, ": ", std::string(60, 'a'), "\r\n");
  DeliverUtf8(header + "\r\n");
  const std::string surrogate = Whole(false, 1);
  EXPECT_TRUE(surrogate == "Subject: =?UTF-8?B?w6g=?=" + header.substr(11) + "\r\n");
  EXPECT_TRUE(Whole(true, 1) == header + "\r\n");
  ExpectClean();
}

TEST_F(SurrogateTest, TheQuotaCountsMessagesAndNotSurrogates) {
  const std::string message = std::string(kHeader) + "x\r\n";
  CreateAccount("bert", message.size());
  Envelope envelope;
  envelope.recipients = {"bert"};
  envelope.smtputf8 = true;
  EXPECT_THAT(DeliverWith(envelope, message).at(0).status, IsOk());
  EXPECT_THAT(DeliverWith(envelope, message).at(0).status,
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
}

TEST_F(SurrogateTest, VerifyFindsOneThatIsNotWhatItsRowSays) {
  const RecipientResult result = DeliverUtf8(std::string(kHeader) + "x\r\n");
  StoredRow row = **SyncWait(ReadRow(&engine(), result.mailbox, 1));
  --row.downgraded_octets;
  ASSERT_THAT(SyncWait(PutRow(&engine(), result.mailbox, std::move(row))), IsOk());
  std::vector<VerifyFinding> findings;
  EXPECT_GE(Verify(&findings).errors, 2u) << "the counter and the body";
}

}  // namespace
}  // namespace restante::store
