// Mailboxes as clients make, rename, delete and subscribe to them.
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage-service/store/mailbox_names.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using Call = MemoryEngine::Call;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class HierarchyTest : public StoreTest {
 protected:
  HierarchyTest() { CreateAccount("anna"); }

  absl::StatusOr<MailboxStatus> Create(const std::string& name,
                                       std::vector<std::string> special_use = {}) {
    return SyncWait(store().mailboxes().Create("anna", name, std::move(special_use)));
  }
  absl::Status Rename(const std::string& from, const std::string& to) {
    return SyncWait(store().mailboxes().Rename("anna", from, to));
  }
  absl::Status DeleteMailbox(const std::string& name) {
    return SyncWait(store().mailboxes().Delete("anna", name));
  }
  absl::Status Append(const std::string& mailbox, const std::string& message) {
    auto appending = SyncWait(store().mailboxes().Append("anna", mailbox));
    if (!appending.ok()) return appending.status();
    EXPECT_THAT(SyncWait((*appending)->Begin({}, false, 0)), IsOk());
    EXPECT_THAT(SyncWait((*appending)->Add(message)), IsOk());
    EXPECT_THAT(SyncWait((*appending)->End()), IsOk());
    return SyncWait((*appending)->Finish()).status();
  }
  std::vector<std::string> Names() {
    auto list = SyncWait(store().mailboxes().List("anna"));
    EXPECT_THAT(list.status(), IsOk());
    std::vector<std::string> names;
    for (const MailboxStatus& status : *list) names.push_back(status.name);
    return names;
  }
  std::vector<std::string> Subscriptions() {
    return *SyncWait(store().mailboxes().Subscriptions("anna"));
  }
};

TEST_F(HierarchyTest, AMailboxIsMadeWithWhatIsAboveIt) {
  const auto made = Create("Archive/2024/Q1");
  ASSERT_THAT(made.status(), IsOk());
  EXPECT_EQ(made->name, "Archive/2024/Q1");
  EXPECT_EQ(made->uid_next, 1u);
  EXPECT_THAT(Names(), ElementsAre("Archive", "Archive/2024", "Archive/2024/Q1", "INBOX"));
  EXPECT_THAT(Create("Archive/2024").status(), HasReason(v1::ERROR_REASON_MAILBOX_EXISTS));
  EXPECT_THAT(Create("inbox").status(), HasReason(v1::ERROR_REASON_MAILBOX_EXISTS));
  ASSERT_THAT(Create("inBox/Lists").status(), IsOk());
  EXPECT_EQ(Status("anna", "INBOX/Lists").name, "INBOX/Lists");
  ExpectClean();
}

TEST_F(HierarchyTest, EachMailboxHasAUidvalidityOfItsOwn) {
  std::vector<uint32_t> values = {Status("anna").uidvalidity};
  for (const std::string name : {"A", "B", "A"}) {
    values.push_back(Create(name)->uidvalidity);
    ASSERT_THAT(DeleteMailbox(name), IsOk());
  }
  std::sort(values.begin(), values.end());
  EXPECT_EQ(std::adjacent_find(values.begin(), values.end()), values.end());
}

TEST_F(HierarchyTest, NamesThatCanNotBeAreRefusedWithTheReason) {
  const std::pair<std::string, std::string> cases[] = {
      {"a//b", "empty level"},
      {"/a", "empty level"},
      {"a/", "empty level"},
      {"tab\there", "control"},
      {"c1\xC2\x85here", "control"},
      {"sep\xE2\x80\xA8here", "separators"},
      {"e\xCC\x81t\xC3\xA9", "normalization form C"},
      {"a/ b", "space"},
      {"\xFF", "UTF-8"},
      {std::string(256, 'x'), "255"}};
  for (const auto& [name, why] : cases) {
    const auto made = Create(name);
    EXPECT_THAT(made.status(), HasReason(v1::ERROR_REASON_BAD_ADDRESS)) << name;
    EXPECT_THAT(std::string(made.status().message()), HasSubstr(why));
    EXPECT_THAT(Rename("INBOX", name), HasReason(v1::ERROR_REASON_BAD_ADDRESS)) << name;
  }
  ASSERT_THAT(Create("\xC3\xA9t\xC3\xA9 100% *").status(), IsOk());
  EXPECT_THAT(Names(), ElementsAre("INBOX", "\xC3\xA9t\xC3\xA9 100% *"));
}

TEST_F(HierarchyTest, RenamingTakesChildrenMailAndIdsAlong) {
  Create("Work/Clients/A").IgnoreError();
  Create("Workshop").IgnoreError();
  ASSERT_THAT(Append("Work/Clients/A", "hello\r\n"), IsOk());
  const MailboxStatus before = Status("anna", "Work/Clients/A");
  ASSERT_THAT(Rename("Work", "Old/Job"), IsOk());
  EXPECT_THAT(Names(), ElementsAre("INBOX", "Old", "Old/Job", "Old/Job/Clients",
                                   "Old/Job/Clients/A", "Workshop"));
  const MailboxStatus after = Status("anna", "Old/Job/Clients/A");
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.uidvalidity, before.uidvalidity);
  EXPECT_EQ(after.message_count, 1u);
  Crash();
  EXPECT_EQ(Status("anna", "Old/Job/Clients/A").message_count, 1u);
  ExpectClean();
}

TEST_F(HierarchyTest, ARenamingThatCanNotBeChangesNothing) {
  Create("A/x").IgnoreError();
  Create("B/x").IgnoreError();
  const std::vector<std::string> before = Names();
  EXPECT_THAT(Rename("A", "B"), HasReason(v1::ERROR_REASON_MAILBOX_EXISTS));
  EXPECT_THAT(Rename("A", "inbox"), HasReason(v1::ERROR_REASON_MAILBOX_EXISTS));
  EXPECT_THAT(Rename("A", "A"), HasReason(v1::ERROR_REASON_MAILBOX_EXISTS));
  EXPECT_THAT(Rename("A", "A/y/z"), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(Rename("C", "D/E"), HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(Rename("A", std::string(254, 'n')), HasReason(v1::ERROR_REASON_BAD_ADDRESS))
      << "a child's name would be too long";
  EXPECT_EQ(Names(), before);
}

TEST_F(HierarchyTest, RenamingTheInboxMovesItsMessagesAndLeavesTheRest) {
  Create("INBOX/sub").IgnoreError();
  for (int i = 0; i < 3; ++i) Deliver("anna", absl::StrCat(i, "\r\n"));
  const OpenedMaildrop session = Session("anna");
  const MailboxStatus before = Status("anna");
  ASSERT_THAT(Rename("INBOX", "Before"), IsOk());
  EXPECT_THAT(Names(), ElementsAre("Before", "INBOX", "INBOX/sub"));
  EXPECT_EQ(Status("anna", "Before").message_count, 3u);
  const MailboxStatus after = Status("anna");
  EXPECT_EQ(after.message_count, 0u);
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.uid_next, before.uid_next);
  EXPECT_THAT(Uids(session), ElementsAre(1, 2, 3)) << "POP3's list is what it was";
  EXPECT_EQ(*Read(session, 2), "1\r\n");
  ExpectClean();
}

TEST_F(HierarchyTest, ADeletedMailboxIsGoneWithItsMailAndGivesBackItsRoom) {
  Create("Junk").IgnoreError();
  ASSERT_THAT(Append("Junk", MessageOf(200'000)), IsOk());
  ASSERT_THAT(Append("Junk", "x\r\n"), IsOk());
  ASSERT_THAT(DeleteMailbox("Junk"), IsOk());
  EXPECT_THAT(Names(), ElementsAre("INBOX"));
  EXPECT_THAT(SyncWait(store().mailboxes().Get("anna", "Junk")).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(Append("Junk", "y\r\n"), HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(DeleteMailbox("Junk"), HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  Reclaim();
  EXPECT_EQ(BodyCount(), 0u);
  ExpectClean();
  EXPECT_EQ(Create("Junk")->message_count, 0u);
  ExpectClean();
}

TEST_F(HierarchyTest, NeitherTheInboxNorAMailboxWithChildrenIsDeleted) {
  Create("A/b").IgnoreError();
  EXPECT_THAT(DeleteMailbox("A"), HasReason(v1::ERROR_REASON_MAILBOX_HAS_CHILDREN));
  EXPECT_THAT(DeleteMailbox("Inbox"), HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  ASSERT_THAT(Append("A", "still there\r\n"), IsOk());
  Crash();
  Reclaim();
  EXPECT_EQ(Status("anna", "A").message_count, 1u);
  ASSERT_THAT(DeleteMailbox("A/b"), IsOk());
  ASSERT_THAT(DeleteMailbox("A"), IsOk());
  Reclaim();
  ExpectClean();
}

TEST_F(HierarchyTest, AFailureAtAnyCommitOfADeletionLeavesItThereOrGone) {
  for (const auto effect : {MemoryEngine::Effect::kDone, MemoryEngine::Effect::kNothingDone}) {
    for (size_t nth = 1; nth <= 3; ++nth) {
      SCOPED_TRACE(absl::StrCat("commit ", nth));
      Open();
      CreateAccount("anna");
      Create("Trash").IgnoreError();
      ASSERT_THAT(Append("Trash", "x\r\n"), IsOk());
      engine().FailNth(Call::kCommit, nth, absl::UnavailableError("as the test wants"), effect);
      const absl::Status deleted = DeleteMailbox("Trash");
      engine().StopFailing();
      const auto names = Names();
      const bool there = std::count(names.begin(), names.end(), "Trash") > 0;
      if (deleted.ok()) {
        EXPECT_FALSE(there);
      }
      if (there) {
        EXPECT_EQ(Status("anna", "Trash").message_count, 1u);
      }
      Crash();
      Reclaim();
      EXPECT_EQ(Names(), names);
      if (there) {
        EXPECT_EQ(Status("anna", "Trash").message_count, 1u);
      }
      EXPECT_EQ(BodyCount(), there ? 1u : 0u);
      ExpectClean();
      if (there) {
        EXPECT_THAT(DeleteMailbox("Trash"), IsOk());
      }
      Reclaim();
      ExpectClean();
    }
  }
}

TEST_F(HierarchyTest, SpecialUsesAreThoseOfOneMailboxEach) {
  EXPECT_THAT(Create("Sent", {"\\sent"})->special_use, ElementsAre("\\Sent"));
  EXPECT_THAT(Create("Other", {"\\Sent"}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(Create("Other", {"\\Nonsense"}).status(),
              HasReason(v1::ERROR_REASON_INVALID_REQUEST));
  EXPECT_THAT(Names(), ElementsAre("INBOX", "Sent")) << "nothing was made";
  Create("Trash", {"\\Trash", "\\Junk"}).IgnoreError();
  ASSERT_THAT(SyncWait(store().mailboxes().SetSpecialUse("anna", "Sent", {})), IsOk());
  EXPECT_THAT(Status("anna", "Sent").special_use, IsEmpty());
  ASSERT_THAT(SyncWait(store().mailboxes().SetSpecialUse("anna", "Trash", {"\\Sent"})), IsOk());
  EXPECT_THAT(SyncWait(store().mailboxes().SetSpecialUse("anna", "None", {"\\All"})),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  ASSERT_THAT(Rename("Trash", "Bin"), IsOk());
  Crash();
  EXPECT_THAT(Status("anna", "Bin").special_use, ElementsAre("\\Sent")) << "kept by a renaming";
}

TEST_F(HierarchyTest, SubscriptionsAreToNamesAndOutliveMailboxes) {
  const auto subscribe = [&](const std::string& name, bool subscribed) {
    return SyncWait(store().mailboxes().SetSubscribed("anna", name, subscribed));
  };
  Create("Lists").IgnoreError();
  ASSERT_THAT(subscribe("Lists", true), IsOk());
  ASSERT_THAT(subscribe("Lists", true), IsOk());
  ASSERT_THAT(subscribe("inbox", true), IsOk());
  ASSERT_THAT(subscribe("Not/There", true), IsOk());
  EXPECT_THAT(subscribe("a//b", true), HasReason(v1::ERROR_REASON_BAD_ADDRESS));
  EXPECT_THAT(Subscriptions(), ElementsAre("INBOX", "Lists", "Not/There"));
  EXPECT_TRUE(Status("anna", "Lists").subscribed);
  EXPECT_TRUE(Status("anna", "").subscribed);
  ASSERT_THAT(subscribe("INBOX", false), IsOk());
  EXPECT_FALSE(Status("anna", "").subscribed);
  ASSERT_THAT(subscribe("INBOX", true), IsOk());
  EXPECT_TRUE(Status("anna", "inbox").subscribed);
  ASSERT_THAT(DeleteMailbox("Lists"), IsOk());
  Crash();
  EXPECT_THAT(Subscriptions(), ElementsAre("INBOX", "Lists", "Not/There"));
  ASSERT_THAT(subscribe("Lists", false), IsOk());
  ASSERT_THAT(subscribe("Lists", false), IsOk());
  EXPECT_THAT(Subscriptions(), ElementsAre("INBOX", "Not/There"));
  EXPECT_FALSE(Create("Lists")->subscribed);
}

TEST_F(HierarchyTest, AQuotaCountsAllMailboxesAndForgetsDeletedOnes) {
  CreateAccount("bob", 100);
  ASSERT_THAT(SyncWait(store().mailboxes().Create("bob", "Sent", {})).status(), IsOk());
  const auto append = [&](const std::string& mailbox, size_t octets) -> absl::Status {
    auto adding = SyncWait(store().mailboxes().Append("bob", mailbox));
    EXPECT_THAT(SyncWait((*adding)->Begin({}, false, 0)), IsOk());
    EXPECT_THAT(SyncWait((*adding)->Add(std::string(octets - 2, 'x') + "\r\n")), IsOk());
    absl::Status ended = SyncWait((*adding)->End());
    return ended.ok() ? SyncWait((*adding)->Finish()).status() : ended;
  };
  ASSERT_THAT(append("Sent", 60), IsOk());
  EXPECT_THAT(append("INBOX", 41), HasReason(v1::ERROR_REASON_OVER_QUOTA));
  ASSERT_THAT(append("INBOX", 40), IsOk());
  EXPECT_THAT(SyncWait(store().mailboxes().Copy("bob", "INBOX", {{1, 1}}, "Sent")).status(),
              HasReason(v1::ERROR_REASON_OVER_QUOTA));
  EXPECT_THAT(SyncWait(store().mailboxes().Move("bob", "INBOX", {{1, 1}}, "Sent", 0)).status(),
              IsOk())
      << "moving takes no room";
  ASSERT_THAT(SyncWait(store().mailboxes().Delete("bob", "Sent")), IsOk());
  EXPECT_THAT(append("INBOX", 100), IsOk());
}

TEST(MailboxNamesTest, SuperiorsAreOutermostFirst) {
  EXPECT_THAT(SuperiorsOf("a/b/c"), ElementsAre("a", "a/b"));
  EXPECT_THAT(SuperiorsOf("a"), IsEmpty());
  EXPECT_THAT(SuperiorsOf("INBOX/b/c"), ElementsAre("INBOX/b"));
  EXPECT_EQ(CanonicalMailboxName("inboxes"), "inboxes");
  EXPECT_EQ(CanonicalMailboxName("iNbOx/A"), "INBOX/A");
}

}  // namespace
}  // namespace restante::store
