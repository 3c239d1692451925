// A store that may have lost commits: new UIDVALIDITYs, and the UIDLs of before.
#include "storage-service/store/uidvalidity_renewal.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "storage-service/store/mailbox_table.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class UidvalidityRenewalTest : public StoreTest {
 protected:
  UidvalidityRenewalTest() {
    Pop3Policy policy;
    policy.deletion = Pop3Policy::Deletion::kMove;
    policy.move_to = "Trash";
    CreateAccount("anna");
    SetPolicy("anna", policy);
    for (int i = 1; i <= 4; ++i) Deliver("anna", absl::StrCat(i, "\r\n"));
    Delete("anna", {{1, 1}});
  }
  void Reopen() {
    options_.renew_uidvalidities = true;
    Crash();
    store();
    options_.renew_uidvalidities = false;
  }
  std::vector<std::string> Uidls(const OpenedMaildrop& session) {
    std::vector<std::string> uidls;
    for (const MaildropRow& row : session.rows) uidls.push_back(row.uidl);
    return uidls;
  }
};

TEST_F(UidvalidityRenewalTest, EveryMailboxGetsANewOneAndKeepsItsUidls) {
  const OpenedMaildrop before = Session("anna");
  const uint32_t trash = Status("anna", "Trash").uidvalidity;
  Reopen();
  const OpenedMaildrop after = Session("anna");
  EXPECT_GT(after.uidvalidity, before.uidvalidity);
  EXPECT_GT(Status("anna", "Trash").uidvalidity, trash);
  EXPECT_NE(Status("anna", "Trash").uidvalidity, after.uidvalidity);
  EXPECT_EQ(Uidls(after), Uidls(before));
  EXPECT_EQ(*Read(after, 2), "2\r\n");
  Close(after);
  ExpectClean();
}

TEST_F(UidvalidityRenewalTest, EachTimeItIsAnotherOneAndOtherwiseItStays) {
  Reopen();
  const uint32_t first = Status("anna").uidvalidity;
  Crash();
  EXPECT_EQ(Status("anna").uidvalidity, first);
  Reopen();
  EXPECT_GT(Status("anna").uidvalidity, first) << "within the same second";
  ExpectClean();
}

TEST_F(UidvalidityRenewalTest, WhatAMailboxIsForStays) {
  ASSERT_THAT(SyncWait(store().mailboxes().SetSpecialUse("anna", "Trash", {"\\Trash"})),
              IsOk());
  Reopen();
  EXPECT_THAT(Status("anna", "Trash").special_use, testing::ElementsAre("\\Trash"));
}

TEST_F(UidvalidityRenewalTest, ANewMailboxHasNoneThatWasGivenOut) {
  Reopen();
  const uint32_t renewed = Status("anna", "Trash").uidvalidity;
  Pop3Policy policy;
  policy.deletion = Pop3Policy::Deletion::kMove;
  policy.move_to = "Archive";
  SetPolicy("anna", policy);
  Delete("anna", {{2, 2}});
  EXPECT_GT(Status("anna", "Archive").uidvalidity, renewed);
  ExpectClean();
}

TEST_F(UidvalidityRenewalTest, ASessionOfBeforeIsNotTakenUpAgain) {
  const LeaseId lease = store().maildrops().BeginLease({});
  const OpenedMaildrop session = Session("anna", 64, lease);
  Reopen();
  EXPECT_THAT(SyncWait(store().maildrops().Resume(store().maildrops().BeginLease({}),
                                                  session.session_token)),
              HasReason(v1::ERROR_REASON_LEASE_LOST));
  EXPECT_EQ(Session("anna").message_count, 3u);
}

TEST_F(UidvalidityRenewalTest, AFailureInTheMiddleIsMadeGoodByTheNextOpening) {
  for (int i = 0; i < 5; ++i) CreateAccount(absl::StrCat("user", i));
  const uint32_t before = Status("user3").uidvalidity;
  std::unique_ptr<MemoryEngine> half = engine().Crash();
  {
    MailboxTable mailboxes(half.get(), 100);
    half->FailNth(MemoryEngine::Call::kCommit, 4, absl::UnavailableError("disk"));
    EXPECT_FALSE(SyncWait(RenewUidvalidities(half.get(), &mailboxes, clock_.Now())).ok());
    half->StopFailing();
  }
  options_.renew_uidvalidities = true;
  OpenOn(std::move(half));
  EXPECT_GT(Status("user3").uidvalidity, before);
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
