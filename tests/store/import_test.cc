// What a delivery keeps of a message's past when it is an import: UIDL, date, flags.
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using testing::ElementsAre;

class ImportTest : public StoreTest {
 protected:
  ImportTest() { CreateAccount("anna"); }

  static Envelope With(std::string uidl, std::string delivery_id = "") {
    Envelope envelope;
    envelope.recipients = {"anna"};
    envelope.delivery_id = std::move(delivery_id);
    envelope.properties.uidl = std::move(uidl);
    return envelope;
  }
  RecipientResult Import(std::string uidl, std::string delivery_id = "") {
    return DeliverWith(With(std::move(uidl), std::move(delivery_id)), "Subject: x\r\n\r\n")
        .at(0);
  }
  // Behind the store's back.
  static Task<absl::Status> Remove(MemoryEngine* engine, MailboxId mailbox, std::string key) {
    using Version = absl::StatusOr<engine::Version>;
    Version version = co_await Await<Version>([&](Done<Version> done) {
      engine->GetVersion(MailboxShard(mailbox), std::move(done));
    });
    engine::CommitRequest request;
    request.shard = MailboxShard(mailbox);
    request.expected = *version;
    request.deletes.push_back(std::move(key));
    Version written = co_await Await<Version>(
        [&](Done<Version> done) { engine->Commit(std::move(request), std::move(done)); });
    co_return written.status();
  }
  MessageRow Row(uint32_t uid) {
    return SyncWait(store().mailboxes().ListMessages("anna", "", uid - 1, 1))->rows.at(0);
  }
};

TEST_F(ImportTest, AMessageKeepsItsUidlDateAndFlags) {
  Envelope envelope = With("0000000a4b1d5ae3");
  envelope.properties.internal_date = absl::FromUnixSeconds(1'000'000'000);
  envelope.properties.flags = {"\\seen", "\\Answered", "$Forwarded", "work", "work"};
  const RecipientResult result = DeliverWith(envelope, "Subject: x\r\n\r\n").at(0);
  ASSERT_THAT(result.status, IsOk());
  EXPECT_EQ(result.uidl, "0000000a4b1d5ae3");
  EXPECT_FALSE(result.uidl_replaced);
  const MessageRow row = Row(1);
  EXPECT_EQ(row.uidl, "0000000a4b1d5ae3");
  EXPECT_EQ(row.internal_date, absl::FromUnixSeconds(1'000'000'000));
  EXPECT_EQ(row.save_date, clock_.Now());
  EXPECT_THAT(row.flags, ElementsAre("\\Seen", "\\Answered", "$Forwarded", "work"));
  EXPECT_EQ(Session("anna").rows[0].uidl, "0000000a4b1d5ae3");
  ExpectClean();
}

TEST_F(ImportTest, ADeliveryTellsTheUidlThatItGave) {
  const RecipientResult result = Deliver("anna", "x\r\n");
  EXPECT_EQ(result.uidl, DerivedUidl(result.guid));
  EXPECT_FALSE(result.uidl_replaced);
}

TEST_F(ImportTest, AnIllegalUidlIsReplaced) {
  for (const std::string& uidl :
       {std::string("with space"), std::string("\xC3\xA8"), std::string(71, 'x')}) {
    const RecipientResult result = Import(uidl);
    ASSERT_THAT(result.status, IsOk());
    EXPECT_TRUE(result.uidl_replaced);
    EXPECT_EQ(result.uidl, DerivedUidl(result.guid));
  }
  EXPECT_FALSE(Import(std::string(70, 'x')).uidl_replaced);
}

TEST_F(ImportTest, AUidlThatAnotherMessageHasIsReplaced) {
  EXPECT_FALSE(Import("a").uidl_replaced);
  const RecipientResult again = Import("a");
  EXPECT_TRUE(again.uidl_replaced);
  EXPECT_EQ(again.uidl, DerivedUidl(again.guid));
  // Also one that we gave ourselves.
  EXPECT_TRUE(Import(again.uidl).uidl_replaced);
  EXPECT_TRUE(Import(Deliver("anna", "y\r\n").uidl).uidl_replaced);
  EXPECT_FALSE(Import("b").uidl_replaced);
  ExpectClean();
}

TEST_F(ImportTest, AUidlIsTakenInItsMailboxOnly) {
  CreateAccount("bert");
  Import("a");
  Envelope envelope = With("a");
  envelope.recipients = {"bert"};
  EXPECT_FALSE(DeliverWith(envelope, "x\r\n").at(0).uidl_replaced);
}

TEST_F(ImportTest, AUidlIsTakenAsLongAsItsMessageCouldComeBack) {
  options_.expunged_grace = absl::Hours(1);
  Crash();
  Import("a");
  const std::string own = Deliver("anna", "y\r\n").uidl;
  Delete("anna", {{1, 2}});
  EXPECT_TRUE(Import("a").uidl_replaced);
  EXPECT_TRUE(Import(own).uidl_replaced);
  ASSERT_THAT(SyncWait(store().mailboxes().Undelete("anna", "", {1})).status(), IsOk());
  EXPECT_EQ(Row(5).uidl, "a");
  EXPECT_TRUE(Import("a").uidl_replaced);
  Delete("anna", {{3, 6}});
  ExpectClean();
  clock_.Advance(absl::Hours(1));
  Reclaim();
  EXPECT_FALSE(Import("a").uidl_replaced);
  EXPECT_FALSE(Import(own).uidl_replaced);
  ExpectClean();
}

TEST_F(ImportTest, OfTwoRecipientsWithOneMailboxTheFirstGetsTheUidl) {
  Envelope envelope = With("a");
  envelope.recipients = {"anna", "anna+x"};
  const auto results = DeliverWith(envelope, "x\r\n");
  EXPECT_EQ(results[0].uidl, "a");
  EXPECT_FALSE(results[0].uidl_replaced);
  EXPECT_NE(results[1].uidl, "a");
  EXPECT_TRUE(results[1].uidl_replaced);
  ExpectClean();
}

TEST_F(ImportTest, ARepetitionIsToldTheSameAgain) {
  const RecipientResult first = Import("a", "id1");
  const RecipientResult replaced = Import("a", "id2");
  EXPECT_TRUE(replaced.uidl_replaced);
  Crash();
  const RecipientResult again = Import("a", "id1");
  EXPECT_EQ(again.uid, first.uid);
  EXPECT_EQ(again.uidl, "a");
  EXPECT_FALSE(again.uidl_replaced);
  EXPECT_EQ(Import("a", "id2").uidl, replaced.uidl);
  EXPECT_TRUE(Import("a", "id2").uidl_replaced);
  EXPECT_EQ(Status("anna").message_count, 2u);
}

TEST_F(ImportTest, OfManyAtOnceOneGetsTheUidl) {
  Open({.complete_on_another_thread = true});
  CreateAccount("bert");
  std::atomic<int> kept{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        Envelope envelope = With(absl::StrCat("same", i));
        envelope.recipients = {"bert"};
        const RecipientResult result = DeliverWith(envelope, "x\r\n").at(0);
        EXPECT_THAT(result.status, IsOk());
        kept += result.uidl_replaced ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(kept, 25);
  ExpectClean();
}

TEST_F(ImportTest, AFailedOneLeavesTheUidlFree) {
  engine().FailNext(Call::kCommit, absl::UnavailableError("disk"));
  EXPECT_FALSE(Import("a").status.ok());
  EXPECT_FALSE(Import("a").uidl_replaced);
  engine().FailNext(Call::kGet, absl::UnavailableError("disk"));
  EXPECT_THAT(Import("b").status, HasReason(v1::ERROR_REASON_STORE_FAILURE));
  EXPECT_FALSE(Import("b").uidl_replaced);
  Reclaim();
  ExpectClean();
}

TEST_F(ImportTest, PropertiesThatCanNotBeAreRefused) {
  for (const char* flag : {"\\Recent", "\\", "", "two words", "(", "\xC3\xA8"}) {
    Envelope envelope = With("a");
    envelope.properties.flags = {flag};
    EXPECT_THAT(DeliverWith(envelope, "x\r\n").at(0).status,
                HasReason(v1::ERROR_REASON_INVALID_REQUEST))
        << flag;
  }
  Envelope envelope = With("a");
  envelope.properties.internal_date = absl::InfiniteFuture();
  EXPECT_THAT(DeliverWith(envelope, "x\r\n").at(0).status,
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
}

TEST_F(ImportTest, VerifyFindsAUidlThatIsNotNoted) {
  const RecipientResult result = Import("a");
  ASSERT_THAT(SyncWait(Remove(&engine(), result.mailbox, UidlKey("a"))), IsOk());
  EXPECT_EQ(Verify().errors, 1u);
}

}  // namespace
}  // namespace restante::store
