// What IMAP services read: status, rows, changes since a MODSEQ.
#include <gtest/gtest.h>

#include "storage-service/store/account_mailboxes.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChangesTest : public StoreTest {
 protected:
  Changes Since(uint64_t modseq) {
    auto changes = SyncWait(store().mailboxes().ChangesSince("anna", "INBOX", modseq));
    EXPECT_THAT(changes.status(), IsOk());
    return changes.ok() ? *changes : Changes{};
  }
  static std::vector<uint32_t> UidsOf(const std::vector<MessageRow>& rows) {
    std::vector<uint32_t> uids;
    for (const MessageRow& row : rows) uids.push_back(row.uid);
    return uids;
  }
};

TEST_F(ChangesTest, AreWhatCameAndWhatWentSince) {
  CreateAccount("anna");
  Deliver("anna", "1\r\n");
  Deliver("anna", "2\r\n");
  const Changes first = Since(0);
  EXPECT_THAT(UidsOf(first.changed), ElementsAre(1, 2));
  EXPECT_THAT(first.vanished, IsEmpty());
  EXPECT_THAT(Since(first.highest_modseq).changed, IsEmpty());

  Deliver("anna", "3\r\n");
  Delete("anna", {{1, 1}});
  const Changes second = Since(first.highest_modseq);
  EXPECT_THAT(UidsOf(second.changed), ElementsAre(3));
  EXPECT_THAT(second.vanished, ElementsAre(1));
  EXPECT_GT(second.highest_modseq, first.highest_modseq);
}

TEST_F(ChangesTest, ForgetNoExpungeAfterItWasReclaimed) {
  CreateAccount("anna");
  Deliver("anna", "1\r\n");
  Deliver("anna", "2\r\n");
  Delete("anna", {{1, 2}});
  Reclaim();
  Crash();
  EXPECT_THAT(Since(3).vanished, ElementsAre(1, 2));
}

TEST_F(ChangesTest, LeaveOutWhatIsNotDurableYet) {
  CreateAccount("anna");
  Deliver("anna", "1\r\n");
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> delivery(DeliverTask("2\r\n", {"anna"}));
  const Changes before = Since(0);
  EXPECT_THAT(UidsOf(before.changed), ElementsAre(1));
  engine().ReleaseCommits();
  delivery.Get();
  EXPECT_THAT(UidsOf(Since(before.highest_modseq).changed), ElementsAre(2));
}

TEST_F(ChangesTest, RowsTellAllThatIsKnownOfAMessage) {
  CreateAccount("anna");
  const RecipientResult result = Deliver("anna", "Subject: x\r\n\r\n.body\r\n");
  const auto page = SyncWait(store().mailboxes().ListMessages("anna", "", 0, 0));
  ASSERT_THAT(page.status(), IsOk());
  ASSERT_EQ(page->rows.size(), 1u);
  EXPECT_TRUE(page->end);
  const MessageRow& row = page->rows[0];
  EXPECT_EQ(row.uid, 1u);
  EXPECT_EQ(row.guid, result.guid);
  EXPECT_EQ(row.octets, 21u);
  EXPECT_EQ(row.header_octets, 14u);
  EXPECT_EQ(row.internal_date, clock_.Now());
  EXPECT_EQ(row.save_date, clock_.Now());
  EXPECT_TRUE(row.has_dot_line);
  EXPECT_EQ(row.uidl.size(), 22u);
  EXPECT_THAT(row.flags, IsEmpty());
}

TEST_F(ChangesTest, RowsArePaged) {
  CreateAccount("anna");
  for (int i = 0; i < 7; ++i) Deliver("anna", "x\r\n");
  Delete("anna", {{1, 2}, {5, 5}});
  auto page = SyncWait(store().mailboxes().ListMessages("anna", "inBOX", 0, 3));
  EXPECT_THAT(UidsOf(page->rows), ElementsAre(3, 4, 6));
  EXPECT_FALSE(page->end);
  page = SyncWait(store().mailboxes().ListMessages("anna", "INBOX", 6, 3));
  EXPECT_THAT(UidsOf(page->rows), ElementsAre(7));
  EXPECT_TRUE(page->end);
}

TEST_F(ChangesTest, TheInboxIsTheOnlyMailbox) {
  CreateAccount("anna");
  Deliver("anna", "x\r\n");
  const auto list = SyncWait(store().mailboxes().List("anna"));
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ(list->at(0).name, "INBOX");
  EXPECT_EQ(list->at(0).message_count, 1u);
  EXPECT_THAT(SyncWait(store().mailboxes().Get("anna", "Sent")).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(SyncWait(store().mailboxes().List("nobody")).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
}

}  // namespace
}  // namespace restante::store
