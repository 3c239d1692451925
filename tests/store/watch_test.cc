// Watching mailboxes: nothing is missed, nothing piles up.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/store/store_fixture.h"

namespace restante::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class WatchTest : public StoreTest {
 protected:
  WatchTest() { CreateAccount("anna"); }

  std::unique_ptr<MailboxWatch> Watch(std::vector<WatchRequest::Known> mailboxes,
                                      bool all = false) {
    auto watch = SyncWait(store().mailboxes().Watch("anna", {std::move(mailboxes), all}));
    EXPECT_THAT(watch.status(), IsOk());
    return *std::move(watch);
  }
  WatchNews Next(MailboxWatch& watch) {
    absl::StatusOr<WatchNews> news = SyncWait(watch.Next());
    EXPECT_THAT(news.status(), IsOk());
    return news.ok() ? *std::move(news) : WatchNews();
  }
};

TEST_F(WatchTest, ToldFirstIsWhatIsNewsToTheCaller) {
  Deliver("anna", "x\r\n");
  const uint64_t modseq = Status("anna").highest_modseq;
  auto watch = Watch({{"inbox", 0}});
  WatchNews news = Next(*watch);
  ASSERT_THAT(news.events, SizeIs(1));
  EXPECT_EQ(news.events[0].status.name, "INBOX");
  EXPECT_EQ(news.events[0].status.highest_modseq, modseq);
  EXPECT_EQ(news.events[0].status.message_count, 1u);
  EXPECT_TRUE(news.caught_up);

  watch = Watch({{"INBOX", modseq}});
  news = Next(*watch);
  EXPECT_THAT(news.events, IsEmpty()) << "it is known";
  EXPECT_TRUE(news.caught_up);
  watch = Watch({{"INBOX", modseq - 1}});
  EXPECT_THAT(Next(*watch).events, SizeIs(1));
}

TEST_F(WatchTest, EachKindOfChangeIsToldWhenItIsDurable) {
  Deliver("anna", "x\r\n");
  const auto watch = Watch({{"", 0}});
  Next(*watch);

  engine().HoldCommits();
  Started<absl::StatusOr<WatchNews>> waiting(watch->Next());
  Started<std::vector<RecipientResult>> delivery(DeliverTask("y\r\n", {"anna"}));
  engine().AwaitHeldCommits(1);
  EXPECT_FALSE(waiting.done()) << "not before it is durable";
  engine().ReleaseCommits();
  delivery.Get();
  absl::StatusOr<WatchNews> news = waiting.Get();
  ASSERT_THAT(news.status(), IsOk());
  ASSERT_THAT(news->events, SizeIs(1));
  EXPECT_TRUE(news->events[0].new_mail);
  EXPECT_FALSE(news->events[0].expunged);
  EXPECT_EQ(news->events[0].status.uid_next, 3u);

  SyncWait(store().mailboxes().StoreFlags("anna", "", {{1, 1}},
                                          {FlagChange::Mode::kAdd, {"\\Seen"}, {}}, 0))
      .IgnoreError();
  WatchNews flags = Next(*watch);
  EXPECT_FALSE(flags.events.at(0).new_mail);
  EXPECT_FALSE(flags.events.at(0).expunged);
  EXPECT_EQ(flags.events.at(0).status.unseen_count, 1u);

  Delete("anna", {{1, 1}});
  EXPECT_TRUE(Next(*watch).events.at(0).expunged);
}

TEST_F(WatchTest, ForASlowListenerChangesGatherIntoOneEvent) {
  const auto watch = Watch({{"", 0}});
  Next(*watch);
  for (int i = 0; i < 100; ++i) Deliver("anna", "x\r\n");
  Delete("anna", {{1, 50}});
  const WatchNews news = Next(*watch);
  ASSERT_THAT(news.events, SizeIs(1));
  EXPECT_TRUE(news.events[0].new_mail);
  EXPECT_TRUE(news.events[0].expunged);
  EXPECT_EQ(news.events[0].status.highest_modseq, Status("anna").highest_modseq);
  Started<absl::StatusOr<WatchNews>> waiting(watch->Next());
  EXPECT_FALSE(waiting.done()) << "and that is all";
  watch->Stop();
  EXPECT_TRUE(absl::IsCancelled(waiting.Get().status()));
}

TEST_F(WatchTest, WhatChangesNothingIsNotTold) {
  Pop3Policy policy;
  policy.expire_retrieved = absl::Hours(24);
  SetPolicy("anna", policy);
  Deliver("anna", "x\r\n");
  const auto watch = Watch({{"", 0}});
  Next(*watch);
  Started<absl::StatusOr<WatchNews>> waiting(watch->Next());
  Close(Session("anna"), {{1, 1}});  // marks the message as retrieved
  EXPECT_FALSE(waiting.done());
  CreateAccount("bob");
  Deliver("bob", "somebody else's\r\n");
  EXPECT_FALSE(waiting.done());
  watch->Stop();
  waiting.Get().IgnoreError();
}

TEST_F(WatchTest, OfAllMailboxesHearsOfNewRenamedAndDeletedOnes) {
  const auto watch = Watch({}, true);
  EXPECT_THAT(Next(*watch).events, SizeIs(1));
  SyncWait(store().mailboxes().Create("anna", "Lists", {})).IgnoreError();
  WatchNews news = Next(*watch);
  EXPECT_TRUE(news.mailboxes_changed);
  ASSERT_THAT(news.events, SizeIs(1));
  EXPECT_EQ(news.events[0].status.name, "Lists");

  Deliver("anna", "x\r\n");
  SyncWait(store().mailboxes().Copy("anna", "", {{1, 1}}, "Lists")).IgnoreError();
  std::map<std::string, WatchEvent> by_name;
  for (WatchEvent& event : Next(*watch).events) by_name[event.status.name] = std::move(event);
  EXPECT_EQ(by_name.size(), 2u);
  EXPECT_TRUE(by_name["Lists"].new_mail);

  ASSERT_THAT(SyncWait(store().mailboxes().Rename("anna", "Lists", "News")), IsOk());
  EXPECT_TRUE(Next(*watch).mailboxes_changed);
  SyncWait(store().mailboxes().Expunge("anna", "News", {{1, 1}}, false, 0)).IgnoreError();
  EXPECT_EQ(Next(*watch).events.at(0).status.name, "News");

  ASSERT_THAT(SyncWait(store().mailboxes().Delete("anna", "News")), IsOk());
  news = Next(*watch);
  ASSERT_THAT(news.events, SizeIs(1));
  EXPECT_TRUE(news.events[0].gone);
  EXPECT_EQ(news.events[0].status.name, "News");
}

TEST_F(WatchTest, OfManyMailboxesIsToldInParts) {
  for (int i = 0; i < 300; ++i) {
    SyncWait(store().mailboxes().Create("anna", absl::StrCat("m", i), {})).IgnoreError();
  }
  const auto watch = Watch({}, true);
  size_t told = 0;
  for (bool caught_up = false; !caught_up;) {
    const WatchNews news = Next(*watch);
    EXPECT_LE(news.events.size(), 256u);
    told += news.events.size();
    caught_up = news.caught_up;
  }
  EXPECT_EQ(told, 301u);
}

TEST_F(WatchTest, EndsWithItsAccount) {
  const auto watch = Watch({}, true);
  Next(*watch);
  Started<absl::StatusOr<WatchNews>> waiting(watch->Next());
  ASSERT_THAT(SyncWait(store().accounts().Delete("anna")), IsOk());
  EXPECT_THAT(waiting.Get().status(), HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
}

TEST_F(WatchTest, OfWhatIsNotThereIsRefused) {
  EXPECT_THAT(SyncWait(store().mailboxes().Watch("anna", {{{"None", 0}}, true})).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_MAILBOX));
  EXPECT_THAT(SyncWait(store().mailboxes().Watch("nobody", {})).status(),
              HasReason(v1::ERROR_REASON_NO_SUCH_ACCOUNT));
}

}  // namespace
}  // namespace restante::store
