// Verify finds each broken invariant, and says nothing of what is whole.
#include "storage-service/store/verifier.h"

#include <gtest/gtest.h>

#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;

class VerifierTest : public StoreTest {
 protected:
  void SetUp() override {
    CreateAccount("anna");
    mailbox_ = Deliver("anna", "Subject: 1\r\n\r\n.dot\r\n").mailbox;
    second_ = Deliver("anna", MessageOf(100'000)).guid;
    Deliver("anna", MessageOf(60));
    Delete("anna", {{3, 3}});
    ExpectClean();
  }

  // Writes into the mailbox behind the store's back.
  void Put(std::string key, std::optional<std::string> value) {
    Started<absl::Status> written(Write(&engine(), mailbox_, std::move(key), std::move(value)));
    ASSERT_THAT(written.Get(), IsOk());
  }
  static Task<absl::Status> Write(MemoryEngine* engine, MailboxId mailbox, std::string key,
                                  std::optional<std::string> value) {
    using Version = absl::StatusOr<engine::Version>;
    Version version = co_await Await<Version>([&](Done<Version> done) {
      engine->GetVersion(MailboxShard(mailbox), std::move(done));
    });
    engine::CommitRequest request;
    request.shard = MailboxShard(mailbox);
    request.expected = *version;
    if (value) {
      request.puts.emplace_back(std::move(key), *std::move(value));
    } else {
      request.deletes.push_back(std::move(key));
    }
    Version written = co_await Await<Version>(
        [&](Done<Version> done) { engine->Commit(std::move(request), std::move(done)); });
    co_return written.status();
  }

  StoredRow Row(uint32_t uid) { return **SyncWait(ReadRow(&engine(), mailbox_, uid)); }
  Head GetHead() { return **SyncWait(ReadHead(&engine(), mailbox_)); }

  void ExpectError(const std::string& text, bool read_bodies = false) {
    std::vector<VerifyFinding> findings;
    const VerifySummary summary = Verify(&findings, read_bodies);
    EXPECT_GT(summary.errors, 0u);
    EXPECT_THAT(findings, Contains(AllOf(Field(&VerifyFinding::is_error, true),
                                         Field(&VerifyFinding::message, HasSubstr(text)))));
  }

  MailboxId mailbox_;
  Guid second_;
};

TEST_F(VerifierTest, CountsWhatThereIs) {
  const VerifySummary summary = Verify();
  EXPECT_EQ(summary.accounts, 1u);
  EXPECT_EQ(summary.mailboxes, 1u);
  EXPECT_EQ(summary.messages, 2u);
  EXPECT_EQ(summary.octets, Status("anna").octets);
  EXPECT_EQ(summary.bodies, 3u) << "one is expunged and not reclaimed yet";
}

TEST_F(VerifierTest, FindsAWrongCount) {
  Head head = GetHead();
  ++head.message_count;
  Put(HeadKey(), Encode(head));
  ExpectError("counts 3 messages and has 2");
}

TEST_F(VerifierTest, FindsWrongOctets) {
  Head head = GetHead();
  head.octets -= 1;
  Put(HeadKey(), Encode(head));
  ExpectError("octets and has");
}

TEST_F(VerifierTest, FindsAUidAboveUidNext) {
  Head head = GetHead();
  head.uid_next = 2;
  Put(HeadKey(), Encode(head));
  ExpectError("UID 2 isn't below UIDNEXT 2");
}

TEST_F(VerifierTest, FindsAWrongLowerBound) {
  Head head = GetHead();
  head.low_uid = 2;
  Put(HeadKey(), Encode(head));
  ExpectError("below its lower bound");
}

TEST_F(VerifierTest, FindsAModseqAboveTheHighest) {
  Head head = GetHead();
  head.highest_modseq = 2;
  Put(HeadKey(), Encode(head));
  ExpectError("above the highest");
}

TEST_F(VerifierTest, FindsARowThatIsMissing) {
  Put(RowKey(1), std::nullopt);
  ExpectError("which no row has");
}

TEST_F(VerifierTest, FindsAChangeThatIsMissing) {
  Put(ModseqKey(kChangePrefix, Row(2).modseq, 2), std::nullopt);
  ExpectError("the change log has 1 of 2 messages");
}

TEST_F(VerifierTest, FindsAnIllegalUidl) {
  StoredRow row = Row(1);
  row.own_uidl = "a b";
  Put(RowKey(1), Encode(row));
  ExpectError("no legal UIDL");
}

TEST_F(VerifierTest, FindsAUidlThatNamesTwoMessages) {
  StoredRow row = Row(1);
  row.own_uidl = Row(2).Uidl();
  Put(RowKey(1), Encode(row));
  ExpectError("of another message");
}

TEST_F(VerifierTest, FindsAMessageThatIsExpungedAndAlive) {
  Put(ModseqKey(kTombstonePrefix, 3, 1), Encode(ExpungedRow{Row(1), clock_.Now()}));
  ExpectError("expunged and alive");
}

TEST_F(VerifierTest, FindsARowThatCanNotBeDecoded) {
  Put(RowKey(1), "\xFF\xFF\xFF");
  ExpectError("UID 1: can't decode");
}

TEST_F(VerifierTest, FindsAMissingBody) {
  engine().EraseBody(second_, [](absl::Status) {});
  ExpectError("UID 2: body");
}

TEST_F(VerifierTest, FindsAMissingReference) {
  engine().RemoveReference(second_, {mailbox_, 2}, [](absl::Status) {});
  ExpectError("has no reference to the row");
}

TEST_F(VerifierTest, FindsABodyOfAnotherLength) {
  StoredRow row = Row(1);
  row.octets -= 1;
  Put(RowKey(1), Encode(row));
  ExpectError("doesn't have the row's");
}

TEST_F(VerifierTest, FindsAWrongHeaderSizeByReading) {
  StoredRow row = Row(1);
  row.header_octets += 2;
  Put(RowKey(1), Encode(row));
  ExpectError("has a header of", true);
}

TEST_F(VerifierTest, FindsAWrongDotMarkByReading) {
  StoredRow row = Row(1);
  row.has_dot_line = false;
  Put(RowKey(1), Encode(row));
  ExpectError("begins with a dot", true);
}

TEST_F(VerifierTest, FindsOctetsThatAreNotInNormalFormByReading) {
  engine().PutChunk(Row(1).body, 0, "Subject: 1\r\n\r\n.d\nt\r\n", [](absl::Status) {});
  ExpectError("normal form", true);
}

TEST_F(VerifierTest, FindsCorruptOctetsByReading) {
  engine().FailNth(MemoryEngine::Call::kReadBody, 2,
                   MakeError(v1::ERROR_REASON_CORRUPT, "checksum"));
  ExpectError("checksum", true);
}

TEST_F(VerifierTest, NotesAnOrphan) {
  engine().PutChunk(Id128::Random(), 0, "nobody's", [](absl::Status) {});
  std::vector<VerifyFinding> findings;
  EXPECT_EQ(Verify(&findings).errors, 0u);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_FALSE(findings[0].is_error);
  EXPECT_THAT(findings[0].message, HasSubstr("orphan"));
}

TEST_F(VerifierTest, NotesAMailboxWithoutAnAccount) {
  Head head;
  head.uidvalidity = 1;
  mailbox_ = Id128::Random();
  Put(HeadKey(), Encode(head));
  std::vector<VerifyFinding> findings;
  EXPECT_EQ(Verify(&findings).errors, 0u);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_THAT(findings[0].message, HasSubstr("no account"));
}

TEST_F(VerifierTest, AnEngineThatFailsIsNoFinding) {
  engine().FailNth(MemoryEngine::Call::kListBodies, 1, absl::UnavailableError("disk"));
  EXPECT_FALSE(SyncWait(store().Verify({}, [](VerifyFinding) {})).ok());
}

}  // namespace
}  // namespace restante::store
