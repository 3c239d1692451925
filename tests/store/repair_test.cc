// Each thing that verify finds in a mailbox is planted, found by name and repaired; after
// that the store is clean, and nothing that could be read is lost.
#include <gtest/gtest.h>

#include <functional>

#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::HasSubstr;

class RepairTest : public StoreTest {
 protected:
  // UIDs 1 and 2 alive, 3 expunged and kept, 4 expunged and reclaimed; 2 has two chunks.
  void SetUp() override {
    options_.expunged_grace = absl::Hours(1);
    CreateAccount("anna");
    mailbox_ = Deliver("anna", First()).mailbox;
    second_ = Deliver("anna", MessageOf(100'000)).guid;
    Deliver("anna", MessageOf(60));
    Deliver("anna", MessageOf(70));
    Delete("anna", {{4, 4}});
    clock_.Advance(absl::Hours(2));
    ASSERT_THAT(SyncWait(store().Reclaim()).status(), IsOk());
    Delete("anna", {{3, 3}});
    ExpectClean();
  }

  static std::string First() { return "Subject: 1\r\n\r\n.dot\r\n"; }

  void Put(std::string key, std::optional<std::string> value) {
    using Version = absl::StatusOr<engine::Version>;
    const Version version = SyncWait(VersionOf(&engine(), mailbox_));
    engine::CommitRequest request;
    request.shard = MailboxShard(mailbox_);
    request.expected = *version;
    if (value) {
      request.puts.emplace_back(std::move(key), *std::move(value));
    } else {
      request.deletes.push_back(std::move(key));
    }
    engine().Commit(std::move(request),
                    [](Version committed) { EXPECT_THAT(committed.status(), IsOk()); });
    // What is in memory knows nothing of it.
    Crash();
  }
  static Task<absl::StatusOr<engine::Version>> VersionOf(engine::Engine* engine,
                                                         MailboxId mailbox) {
    using Version = absl::StatusOr<engine::Version>;
    Version version = co_await Await<Version>([&](Done<Version> done) {
      engine->GetVersion(MailboxShard(mailbox), std::move(done));
    });
    co_return version;
  }

  StoredRow Row(uint32_t uid) { return **SyncWait(ReadRow(&engine(), mailbox_, uid)); }
  Head GetHead() { return **SyncWait(ReadHead(&engine(), mailbox_)); }
  LeftRow Left(char prefix) {
    return SyncWait(ScanLeft(&engine(), mailbox_, prefix, 0))->at(0);
  }
  void PutHead(const std::function<void(Head&)>& change) {
    Head head = GetHead();
    change(head);
    Put(HeadKey(), Encode(head));
  }
  void PutRow(uint32_t uid, const std::function<void(StoredRow&)>& change) {
    StoredRow row = Row(uid);
    change(row);
    Put(RowKey(uid), Encode(row));
  }

  VerifySummary Run(VerifyOptions options, std::vector<VerifyFinding>* findings) {
    absl::StatusOr<VerifySummary> summary =
        SyncWait(store().Verify(options, [findings](VerifyFinding finding) {
          findings->push_back(std::move(finding));
        }));
    EXPECT_THAT(summary.status(), IsOk());
    return summary.ok() ? *summary : VerifySummary{};
  }

  // Verify finds it; a repair makes it good; the next verify finds nothing.
  void ExpectRepaired(const std::string& text, bool is_error = true) {
    const auto found = Contains(AllOf(Field(&VerifyFinding::message, HasSubstr(text)),
                                      Field(&VerifyFinding::is_error, is_error)));
    std::vector<VerifyFinding> findings;
    Run({.read_bodies = true}, &findings);
    EXPECT_THAT(findings, found);
    findings.clear();
    const VerifySummary summary = Run({.read_bodies = true, .repair = true}, &findings);
    EXPECT_THAT(findings, found);
    EXPECT_THAT(findings, Each(Field(&VerifyFinding::repaired, true)));
    EXPECT_EQ(summary.repaired, findings.size());
    EXPECT_EQ(summary.errors + summary.notes, 0u);
    findings.clear();
    Run({.read_bodies = true}, &findings);
    EXPECT_TRUE(findings.empty()) << findings.front().message;
  }
  void ExpectMessages() {
    const OpenedMaildrop session = Session("anna", 0);
    EXPECT_EQ(Uids(session), (std::vector<uint32_t>{1, 2}));
    EXPECT_EQ(*Read(session, 1), First());
    EXPECT_EQ(*Read(session, 2), MessageOf(100'000));
    Close(session, {});
    // And mail goes on.
    EXPECT_EQ(Deliver("anna", MessageOf(10)).uid, 5u);
    ExpectClean();
  }

  MailboxId mailbox_;
  Guid second_;
};

TEST_F(RepairTest, NothingIsChangedWhereNothingIsWrong) {
  const Head before = GetHead();
  std::vector<VerifyFinding> findings;
  const VerifySummary summary = Run({.read_bodies = true, .repair = true}, &findings);
  EXPECT_EQ(summary.repaired, 0u);
  EXPECT_TRUE(findings.empty());
  EXPECT_EQ(GetHead(), before);
}

TEST_F(RepairTest, CountersAreCountedAnew) {
  PutHead([](Head& head) {
    head.message_count = 7;
    head.octets = 1;
    head.hidden_count = 2;
    head.hidden_octets = 5;
    head.unseen_count = 99;
    head.deleted_count = 3;
    head.recent_count = 8;
    head.tombstone_count = 12;
    head.surrogate_excess = -4;
  });
  ExpectRepaired("counts 7 messages and has 2");
  ExpectMessages();
}

TEST_F(RepairTest, BoundsAreLowered) {
  PutHead([](Head& head) { head.low_uid = head.low_visible_uid = 2; });
  ExpectRepaired("below its lower bound");
  ExpectMessages();
}

TEST_F(RepairTest, UidnextAndModseqGoAboveAllThatThereIs) {
  PutHead([](Head& head) {
    head.uid_next = 2;
    head.highest_modseq = 2;
    head.last_expunge_modseq = 1;
  });
  ExpectRepaired("isn't below UIDNEXT 2");
  ExpectMessages();
}

TEST_F(RepairTest, AHeadThatIsGoneIsMadeAnewUnderANewUidvalidity) {
  const uint32_t before = GetHead().uidvalidity;
  Put(HeadKey(), std::nullopt);
  ExpectRepaired("has messages and no head");
  EXPECT_GT(Status("anna").uidvalidity, before);
  ExpectMessages();
}

TEST_F(RepairTest, AHeadThatCanNotBeDecodedIsMadeAnew) {
  Put(HeadKey(), "\xFF\xFF\xFF");
  ExpectRepaired("can't decode");
  ExpectMessages();
}

TEST_F(RepairTest, TheChangeLogHasEachMessageOnce) {
  Put(ModseqKey(kChangePrefix, Row(2).modseq, 2), std::nullopt);
  Put(ModseqKey(kChangePrefix, 1, 1), std::string());
  ExpectRepaired("which no row has");
  ExpectMessages();
}

TEST_F(RepairTest, IndicesOfUidlsAndRetrievalsAreMadeAnew) {
  PutRow(1, [this](StoredRow& row) {
    row.own_uidl = "mine";
    row.retrieved = clock_.Now();
  });
  Put(UidlKey("stale"), UidValue(2));
  ExpectRepaired("has a UIDL that isn't noted");
  const OpenedMaildrop session = Session("anna", 0);
  EXPECT_EQ(Rows(session)[0].uidl, "mine");
  Close(session, {});
  ExpectMessages();
}

TEST_F(RepairTest, OfTwoMessagesWithOneUidlTheSecondGetsAnother) {
  const std::string uidl = Row(1).Uidl();
  PutRow(2, [&](StoredRow& row) { row.own_uidl = uidl; });
  ExpectRepaired("of another message");
  EXPECT_EQ(Row(1).Uidl(), uidl);
  EXPECT_NE(Row(2).Uidl(), uidl);
  ExpectMessages();
}

TEST_F(RepairTest, AnIllegalUidlIsReplaced) {
  PutRow(1, [](StoredRow& row) { row.own_uidl = "a b"; });
  ExpectRepaired("no legal UIDL");
  ExpectMessages();
}

TEST_F(RepairTest, ARowThatCanNotBeDecodedIsMadeFromItsBody) {
  const StoredRow before = Row(1);
  Put(RowKey(1), "\xFF\xFF\xFF");
  ExpectRepaired("UID 1: can't decode");
  EXPECT_EQ(Row(1).Uidl(), before.Uidl());
  EXPECT_EQ(Row(1).octets, before.octets);
  EXPECT_EQ(Row(1).header_octets, before.header_octets);
  EXPECT_TRUE(Row(1).has_dot_line);
  ExpectMessages();
}

TEST_F(RepairTest, ARowIsCorrectedAfterItsBody) {
  PutRow(1, [](StoredRow& row) {
    row.header_octets = 3;
    row.has_dot_line = false;
  });
  ExpectRepaired("the row says otherwise");
  ExpectMessages();
}

TEST_F(RepairTest, ARowThatKnowsOfTooFewOctetsLearnsOfAll) {
  PutRow(2, [](StoredRow& row) { row.octets -= 10; });
  PutHead([](Head& head) { head.octets -= 10; });
  ExpectRepaired("doesn't have the row's");
  ExpectMessages();
}

TEST_F(RepairTest, AMissingReferenceIsAdded) {
  engine().RemoveReference(second_, {mailbox_, 2}, [](absl::Status) {});
  ExpectRepaired("has no reference to the row");
  ExpectMessages();
}

TEST_F(RepairTest, ReferencesThatNothingStandsBehindGo) {
  engine().AddReference(second_, {mailbox_, 77}, [](absl::Status) {});
  ExpectRepaired("has 1 references that no message stands behind", /*is_error=*/false);
  ExpectMessages();
}

TEST_F(RepairTest, OrphansGo) {
  engine().PutChunk(Id128::Random(), 0, "nobody's", [](absl::Status) {});
  ExpectRepaired("an orphan of 8 octets", /*is_error=*/false);
  ExpectMessages();
}

TEST_F(RepairTest, WhatIsExpungedAndAliveIsAlive) {
  const LeftRow left = Left(kExpungedPrefix);
  Put(ModseqKey(kExpungedPrefix, left.modseq, 1), Encode(ExpungedRow{Row(1), clock_.Now()}));
  ExpectRepaired("expunged and alive");
  ExpectMessages();
}

TEST_F(RepairTest, WhatCanBeUndeletedStaysSo) {
  const LeftRow left = Left(kExpungedPrefix);
  Put(ExpungedUidKey(left.uid), std::nullopt);
  PutHead([&](Head& head) { head.reclaimed_modseq = left.modseq; });
  ExpectRepaired("counts as reclaimed and isn't");
  EXPECT_THAT(SyncWait(store().mailboxes().Undelete("anna", "", {left.uid})).status(), IsOk());
  ExpectClean();
}

TEST_F(RepairTest, AnExpungedRowThatCanNotBeDecodedIsMadeFromItsBodyToo) {
  const LeftRow left = Left(kExpungedPrefix);
  Put(ModseqKey(kExpungedPrefix, left.modseq, left.uid), "\xFF");
  ExpectRepaired("can't decode");
  EXPECT_THAT(SyncWait(store().mailboxes().Undelete("anna", "", {left.uid})).status(), IsOk());
  ExpectClean();
}

TEST_F(RepairTest, AnEntryOfTheLogThatCanNotBeDecodedIsGivenUpAndSaidToBe) {
  const LeftRow left = Left(kTombstonePrefix);
  Put(ModseqKey(kTombstonePrefix, left.modseq, left.uid), "\xFF");
  ExpectRepaired("can't decode");
  EXPECT_EQ(GetHead().log_floor_modseq, left.modseq);
  ExpectMessages();
}

TEST_F(RepairTest, AMessageWhoseBodyIsGoneStaysUntilItIsGivenUp) {
  engine().EraseBody(second_, [](absl::Status) {});
  std::vector<VerifyFinding> findings;
  VerifySummary summary = Run({.read_bodies = true, .repair = true}, &findings);
  EXPECT_GE(summary.errors, 1u);
  EXPECT_THAT(findings, Contains(Field(&VerifyFinding::message, HasSubstr("UID 2: body"))));
  EXPECT_EQ(Status("anna").message_count, 2u) << "nothing goes that nobody gave up";

  findings.clear();
  summary = Run({.read_bodies = true, .repair = true, .expunge_unreadable = true}, &findings);
  EXPECT_EQ(summary.errors, 0u);
  EXPECT_GE(summary.repaired, 1u);
  const OpenedMaildrop session = Session("anna", 0);
  EXPECT_EQ(Uids(session), (std::vector<uint32_t>{1}));
  EXPECT_EQ(*Read(session, 1), First());
  Close(session, {});
  ExpectClean();
}

TEST_F(RepairTest, AMailboxWithoutANameComesBackUnderOne) {
  const absl::StatusOr<MailboxStatus> made =
      SyncWait(store().mailboxes().Create("anna", "Work", {}));
  ASSERT_THAT(made.status(), IsOk());
  ASSERT_THAT(SyncWait(store().mailboxes().Copy("anna", "", {{1, 2}}, "Work")).status(),
              IsOk());
  // Its name goes, as no deletion would take it away.
  const engine::ShardId account{engine::ShardId::Kind::kAccount,
                                SyncWait(store().accounts().Get("anna"))->id};
  absl::StatusOr<engine::Version> version = absl::InternalError("");
  engine().GetVersion(account, [&](absl::StatusOr<engine::Version> v) { version = v; });
  engine().Commit({.shard = account, .expected = *version, .deletes = {"m/Work"}},
                  [](absl::StatusOr<engine::Version> v) { EXPECT_THAT(v.status(), IsOk()); });
  Crash();
  ExpectRepaired("belongs to no account", /*is_error=*/false);
  const std::string name = "Recovered-" + made->id.ToHex().substr(0, 8);
  EXPECT_EQ(SyncWait(store().mailboxes().Get("anna", name))->message_count, 2u);
  ExpectMessages();
}

TEST_F(RepairTest, AnAccountKnowsTheUidvaliditiesOfItsMailboxes) {
  PutHead([](Head& head) { ++head.uidvalidity; });
  ExpectRepaired("in the account's record");
  ExpectMessages();
}

}  // namespace
}  // namespace restante::store
