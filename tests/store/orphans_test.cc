// What a crash leaves that nothing leads to is erased after the next opening; what has held
// mail, or is about to, is not.
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/mailbox_table.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using Effect = MemoryEngine::Effect;

class OrphansTest : public StoreTest {
 protected:
  // The n-th commit of what is done fails, and the power with it.
  void CutShort(int n, const std::function<void()>& work) {
    engine().FailNth(Call::kCommit, n, absl::UnavailableError("as the test wants"),
                     Effect::kNothingDone);
    work();
    engine().StopFailing();
    Crash();
  }

  std::vector<std::string> Notes() {
    std::vector<VerifyFinding> findings;
    Verify(&findings);
    std::vector<std::string> notes;
    for (const VerifyFinding& finding : findings) {
      EXPECT_FALSE(finding.is_error) << finding.message;
      notes.push_back(finding.message);
    }
    return notes;
  }
};

TEST_F(OrphansTest, AnAccountWhoseAddressWasNotFiledIsErased) {
  CutShort(3, [&] {
    EXPECT_FALSE(SyncWait(store().accounts().Create({"anna", Password{"secret"}, 0})).ok());
  });
  EXPECT_THAT(Notes(), testing::Contains(testing::HasSubstr("no address leads to it")));
  Reclaim();
  ExpectClean();
  EXPECT_TRUE(SyncWait(store().accounts().List("", 10))->accounts.empty());
}

TEST_F(OrphansTest, AMailboxWithoutANameIsErased) {
  CreateAccount("anna");
  CutShort(
      2, [&] { EXPECT_FALSE(SyncWait(store().mailboxes().Create("anna", "Lists", {})).ok()); });
  EXPECT_THAT(Notes(), testing::Contains(testing::HasSubstr("belongs to no account")));
  Reclaim();
  ExpectClean();
  EXPECT_EQ(SyncWait(store().mailboxes().List("anna"))->size(), 1u);
}

TEST_F(OrphansTest, AMailboxThatHasHeldMailStaysForVerifyToReport) {
  CreateAccount("anna");
  Deliver("anna", "x\r\n");
  // Its name is lost, as no crash loses it.
  const MailboxId inbox = Status("anna").id;
  const AccountId account = SyncWait(store().accounts().Get("anna"))->id;
  auto version = SyncWait([](MemoryEngine* engine,
                             AccountId id) -> Task<absl::StatusOr<engine::Version>> {
    using Answer = absl::StatusOr<engine::Version>;
    Answer version = co_await Await<Answer>([&](Done<Answer> done) {
      engine->Commit(
          {.shard = {engine::ShardId::Kind::kAccount, id}, .expected = 1, .erase_shard = true},
          std::move(done));
    });
    co_return version;
  }(&engine(), account));
  ASSERT_THAT(version.status(), IsOk());
  Crash();
  Reclaim();
  EXPECT_GT(KeysOf(inbox, 'r'), 0u);
}

TEST_F(OrphansTest, ABodyWithoutARowIsErased) {
  CreateAccount("anna");
  Deliver("anna", "kept\r\n");
  const engine::BodyId body{{1, 2, 3}};
  engine().PutChunk(body, 0, "lost\r\n", [](absl::Status) {});
  engine().AddReference(body, {Status("anna").id, 99}, [](absl::Status) {});
  CreateAccount("bert");  // with whose commits it became durable
  Crash();
  EXPECT_EQ(BodyCount(), 2u);
  EXPECT_EQ(Reclaim(), 1u);
  EXPECT_EQ(BodyCount(), 1u);
  ExpectClean();
}

TEST_F(OrphansTest, AMailboxThatCanNotBeReadHoldsUpNothing) {
  CreateAccount("anna");
  CreateAccount("bert");
  Deliver("bert", "gone\r\n");
  Delete("bert", {{1, 1}});
  const MailboxId damaged = Status("anna").id;
  engine().PutChunk(Id128::Random(), 0, "lost\r\n", [](absl::Status) {});
  engine().Commit(
      {.shard = MailboxShard(damaged), .expected = 1, .puts = {{HeadKey(), "?"}}},
      [](absl::StatusOr<engine::Version> done) { EXPECT_THAT(done.status(), IsOk()); });
  Crash();
  EXPECT_EQ(Reclaim(), 2u) << "what was deleted, and the orphan";
  EXPECT_EQ(BodyCount(), 0u);
}

TEST_F(OrphansTest, AMessageThatIsStillComingInKeepsItsBody) {
  CreateAccount("anna");
  const std::string message = MessageOf(200'000);
  Envelope envelope;
  envelope.recipients = {"anna"};
  auto delivery = SyncWait(store().deliveries().Begin(std::move(envelope)));
  ASSERT_THAT(delivery.status(), IsOk());
  ASSERT_THAT(SyncWait((*delivery)->Append(message.substr(0, 150'000))), IsOk());
  Reclaim();
  ASSERT_THAT(SyncWait((*delivery)->Append(message.substr(150'000))), IsOk());
  const RecipientResult result = SyncWait((*delivery)->Finish()).at(0);
  ASSERT_THAT(result.status, IsOk());
  EXPECT_EQ(*Read(Session("anna"), result.uid), message);
  ExpectClean();
}

TEST_F(OrphansTest, WhatWasMadeSinceTheOpeningIsKnownUntilItIsForgotten) {
  MailboxTable table(&engine(), 10);
  const MailboxId mailbox{{7}};
  ASSERT_THAT(SyncWait(table.Create(mailbox, AccountId{{8}}, 1)), IsOk());
  EXPECT_TRUE(table.WasMade(mailbox));
  table.ForgetWhatWasMade();
  EXPECT_FALSE(table.WasMade(mailbox));
}

}  // namespace
}  // namespace restante::store
