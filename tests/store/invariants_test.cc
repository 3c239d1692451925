// The six invariants of docs/store.md, each by what would be seen if it broke.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "storage-service/store/normaliser.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

class Invariants : public StoreTest {
 protected:
  std::vector<MessageRow> AllRows(const std::string& address) {
    auto page = SyncWait(store().mailboxes().ListMessages(address, "", 0, 4096));
    EXPECT_THAT(page.status(), IsOk());
    return page.ok() ? page->rows : std::vector<MessageRow>{};
  }
};

// 1. A delivery answered OK survives a crash, whole and byte for byte.

TEST_F(Invariants, First_WhatWasAnsweredOkIsThereAfterACrash) {
  CreateAccount("anna");
  CreateAccount("bert");
  std::vector<std::string> messages;
  for (const size_t octets : {10u, 1000u, 65535u, 65536u, 65537u, 400'000u}) {
    messages.push_back(MessageOf(octets, absl::StrCat(octets)));
    for (const RecipientResult& result : DeliverTo({"anna", "bert"}, messages.back())) {
      ASSERT_THAT(result.status, IsOk());
    }
    // Nothing but what a commit made durable is left of it.
    Crash();
  }
  for (const char* address : {"anna", "bert"}) {
    const OpenedMaildrop session = Session(address);
    ASSERT_EQ(session.message_count, messages.size());
    for (size_t i = 0; i < messages.size(); ++i) {
      EXPECT_EQ(*Read(session, session.rows[i].uid), messages[i]);
    }
  }
  ExpectClean();
}

TEST_F(Invariants, First_NoDeliveryIsAnsweredBeforeItIsDurable) {
  CreateAccount("anna");
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> small(DeliverTask("x\r\n", {"anna"}));
  Started<std::vector<RecipientResult>> large(DeliverTask(MessageOf(200'000), {"anna"}));
  EXPECT_FALSE(small.done());
  EXPECT_FALSE(large.done());
  Crash(MemoryEngine::InFlight::kLost);
  EXPECT_FALSE(small.Get().at(0).status.ok());
  EXPECT_FALSE(large.Get().at(0).status.ok());
  EXPECT_EQ(Status("anna").message_count, 0u);
}

// 2. UIDs only grow and are never reused; a UIDL names one message for ever.

TEST_F(Invariants, Second_UidsGrowOverDeletionsAndCrashes) {
  CreateAccount("anna");
  const uint32_t uidvalidity = Status("anna").uidvalidity;
  std::set<std::string> uidls;
  uint32_t last = 0;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 3; ++i) {
      const RecipientResult result = Deliver("anna", "the same\r\n");
      EXPECT_GT(result.uid, last);
      last = result.uid;
    }
    const OpenedMaildrop session = Session("anna");
    for (const MaildropRow& row : session.rows) {
      EXPECT_TRUE(uidls.insert(row.uidl).second) << "an old UIDL for a new message";
    }
    EXPECT_EQ(*Commit(session, {{session.rows.front().uid, last}}), 3u);
    if (round % 2 == 0) Reclaim();
    if (round % 3 == 0) Crash();
    EXPECT_EQ(Status("anna").uidvalidity, uidvalidity);
    EXPECT_EQ(Status("anna").uid_next, last + 1);
  }
}

TEST_F(Invariants, Second_AUidlIsTheSameInEverySession) {
  CreateAccount("anna");
  DeliverTo({"anna", "anna+copy"}, "x\r\n");
  Deliver("anna", "y\r\n");
  const OpenedMaildrop before = Session("anna");
  Crash();
  const OpenedMaildrop after = Session("anna");
  ASSERT_EQ(after.rows.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(after.rows[i].uidl, before.rows[i].uidl);
}

TEST_F(Invariants, Second_NobodySeesAUidThatACrashCouldTakeBack) {
  CreateAccount("anna");
  Deliver("anna", "1\r\n");
  engine().HoldCommits();
  Started<std::vector<RecipientResult>> lost(DeliverTask("2\r\n", {"anna"}));
  EXPECT_EQ(Status("anna").uid_next, 2u);
  EXPECT_EQ(AllRows("anna").size(), 1u);
  EXPECT_EQ(Session("anna").uid_next, 2u);
  Crash(MemoryEngine::InFlight::kLost);
}

// 3. Count, octets and usage equal what a full scan finds.

TEST_F(Invariants, Third_CountersEqualAScanWhateverFailed) {
  options_.quota_grace = {0, 0};
  CreateAccount("anna", 5000);
  std::mt19937 random(1);
  for (int step = 0; step < 200; ++step) {
    if (random() % 5 == 0) {
      engine().FailNth(
          MemoryEngine::Call::kCommit, 1 + random() % 2, absl::UnavailableError("disk"),
          random() % 2 == 0 ? MemoryEngine::Effect::kDone : MemoryEngine::Effect::kNothingDone);
    }
    if (random() % 3 > 0) {
      DeliverTo({"anna", "anna+x"}, MessageOf(random() % 400));
    } else {
      const OpenedMaildrop session = Session("anna");
      if (!session.rows.empty()) {
        const uint32_t uid = session.rows[random() % session.rows.size()].uid;
        Commit(session, {{uid, uid}}).IgnoreError();
      }
      Close(session);
    }
    const std::vector<MessageRow> rows = AllRows("anna");
    uint64_t octets = 0;
    for (const MessageRow& row : rows) octets += row.octets;
    const MailboxStatus status = Status("anna");
    ASSERT_EQ(status.message_count, rows.size());
    ASSERT_EQ(status.octets, octets);
    ASSERT_LE(octets, 5000u);
    const auto account = SyncWait(store().accounts().Get("anna"));
    ASSERT_EQ(account->used_octets, octets);
    ASSERT_EQ(account->message_count, rows.size());
  }
  engine().StopFailing();
  Reclaim();
  ExpectClean();
}

// 4. Each change has a higher MODSEQ; "changes since" misses nothing.

TEST_F(Invariants, Fourth_AFollowerOfChangesHasWhatTheMailboxHas) {
  CreateAccount("anna");
  std::mt19937 random(2);
  std::map<uint32_t, uint64_t> follower;  // UID to MODSEQ
  uint64_t known = 0;
  for (int step = 0; step < 300; ++step) {
    const uint64_t before = Status("anna").highest_modseq;
    bool changed = false;
    for (uint32_t i = random() % 4; i > 0; --i) {
      changed = true;
      Deliver("anna", "x\r\n");
    }
    if (const std::vector<MessageRow> rows = AllRows("anna");
        !rows.empty() && random() % 2 == 0) {
      const size_t first = random() % rows.size();
      const size_t last = std::min(rows.size() - 1, first + random() % 3);
      Delete("anna", {{rows[first].uid, rows[last].uid}});
      changed = true;
    }
    if (random() % 10 == 0) Reclaim();
    if (random() % 10 == 0) Crash();
    EXPECT_GE(Status("anna").highest_modseq, before + (changed ? 1 : 0));
    if (random() % 3 > 0) continue;

    const auto changes = SyncWait(store().mailboxes().ListChanges("anna", "", {known, 0}, 0));
    ASSERT_THAT(changes.status(), IsOk());
    for (const MessageRow& row : changes->changed) {
      EXPECT_GT(row.modseq, known);
      follower[row.uid] = row.modseq;
    }
    for (const uint32_t uid : changes->vanished) follower.erase(uid);
    known = changes->highest_modseq;
    std::map<uint32_t, uint64_t> mailbox;
    for (const MessageRow& row : AllRows("anna")) mailbox[row.uid] = row.modseq;
    ASSERT_EQ(follower, mailbox) << "at step " << step;
  }
}

// 5. Nothing is deleted that no client committed; nothing deleted comes back.

TEST_F(Invariants, Fifth_ASessionThatEndsWithoutCommitDeletesNothing) {
  CreateAccount("anna");
  Deliver("anna", "x\r\n");
  Close(Session("anna"));
  const LeaseId lease = store().maildrops().BeginLease({});
  Session("anna", 64, lease);
  store().maildrops().EndLease(lease);
  clock_.Advance(absl::Seconds(6));
  Session("anna");
  Crash();
  EXPECT_EQ(Status("anna").message_count, 1u);
}

TEST_F(Invariants, Fifth_ACommitIsAllOrNoneOverACrash) {
  for (const auto in_flight :
       {MemoryEngine::InFlight::kLost, MemoryEngine::InFlight::kDurable}) {
    Open();
    CreateAccount("anna");
    for (int i = 0; i < 5; ++i) Deliver("anna", "x\r\n");
    const OpenedMaildrop session = Session("anna");
    engine().HoldCommits();
    Started<absl::StatusOr<uint64_t>> commit(
        store().maildrops().Commit(session.session_token, {{1, 2}, {4, 5}}, {}, true));
    Crash(in_flight);
    EXPECT_FALSE(commit.Get().ok());
    EXPECT_EQ(AllRows("anna").size(), in_flight == MemoryEngine::InFlight::kLost ? 5u : 1u);
    ExpectClean();
  }
}

TEST_F(Invariants, Fifth_WhatWasDeletedStaysDeleted) {
  CreateAccount("anna");
  for (int i = 0; i < 4; ++i) Deliver("anna", absl::StrCat(i, "\r\n"), absl::StrCat("id", i));
  Delete("anna", {{1, 2}});
  Crash();
  EXPECT_EQ(AllRows("anna").size(), 2u);
  // A sender's retry doesn't bring it back either.
  EXPECT_EQ(Deliver("anna", "0\r\n", "id0").uid, 1u);
  EXPECT_EQ(AllRows("anna").size(), 2u);
  Reclaim();
  Crash();
  EXPECT_EQ(AllRows("anna").size(), 2u);
}

// 6. A message's size is the octets that RETR sends.

TEST_F(Invariants, Sixth_SizesAreWhatIsSentForEachMessageOfTheTests) {
  CreateAccount("anna");
  std::vector<std::string> normal;
  const std::filesystem::path folder =
      std::filesystem::path(RESTANTE_SOURCE_DIR) / "tests" / "data";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".eml") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string message((std::istreambuf_iterator<char>(file)), {});
    ASSERT_THAT(Deliver("anna", message).status, IsOk()) << entry.path();
    Normaliser normaliser;
    normaliser.Feed(message, normal.emplace_back());
    normaliser.Finish(normal.back());
  }
  ASSERT_GE(normal.size(), 60u) << "the messages of tests/data are missing";
  const OpenedMaildrop session = Session("anna");
  const std::vector<MaildropRow> rows = Rows(session);
  ASSERT_EQ(rows.size(), normal.size());
  uint64_t octets = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string sent = *Read(session, rows[i].uid);
    EXPECT_EQ(rows[i].octets, sent.size());
    EXPECT_EQ(sent, normal[i]);
    octets += sent.size();
  }
  EXPECT_EQ(session.octets, octets);
  ExpectClean();
}

}  // namespace
}  // namespace restante::store
