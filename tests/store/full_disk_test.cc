// While only the disk's reserve is left no message comes in, by whatever way, and mail
// is read and deleted as ever.
#include <gtest/gtest.h>

#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class FullDiskTest : public StoreTest {
 protected:
  void SetUp() override {
    CreateAccount("anna");
    ASSERT_THAT(Deliver("anna", MessageOf(100)).status, IsOk());
    ASSERT_THAT(Deliver("anna", MessageOf(100)).status, IsOk());
    engine().SetFull(true);
  }
};

TEST_F(FullDiskTest, DeliveriesAreRefusedForEachRecipientThatThereIs) {
  const std::vector<RecipientResult> results =
      DeliverTo({"anna", "nobody"}, MessageOf(200'000));
  EXPECT_THAT(results[0].status, HasReason(v1::ERROR_REASON_STORE_FULL));
  EXPECT_THAT(results[1].status, HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
  EXPECT_THAT(Deliver("anna", "").status, HasReason(v1::ERROR_REASON_STORE_FULL))
      << "an empty message takes a row";
  EXPECT_EQ(Status("anna").message_count, 2u);
}

TEST_F(FullDiskTest, AnMtaIsToldBeforeItSendsTheMessage) {
  const std::vector<RecipientCheck> checks =
      SyncWait(store().deliveries().CheckRecipients({"anna"}, 100));
  EXPECT_THAT(checks.at(0).status, HasReason(v1::ERROR_REASON_STORE_FULL));
}

TEST_F(FullDiskTest, MailIsReadAndDeleted) {
  const OpenedMaildrop session = Session("anna", 0);
  EXPECT_EQ(Uids(session), (std::vector<uint32_t>{1, 2}));
  EXPECT_THAT(Commit(session, {{1, 1}}).status(), IsOk());
  EXPECT_THAT(SyncWait(store().Reclaim()).status(), IsOk());
  EXPECT_EQ(Status("anna").message_count, 1u);
  ExpectClean();
}

TEST_F(FullDiskTest, MailComesInAgainWhenThereIsRoom) {
  EXPECT_THAT(Deliver("anna", MessageOf(100)).status, HasReason(v1::ERROR_REASON_STORE_FULL));
  engine().SetFull(false);
  EXPECT_THAT(Deliver("anna", MessageOf(100)).status, IsOk());
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
