// Maildirs and their folders, as they are read for an import.
#include "storage-service/ctl/transfer/maildir_source.h"

#include "storage-service/ctl/exit_codes.h"
#include "tests/ctl/transfer/source_fixture.h"

namespace restante::ctl {
namespace {

namespace fs = std::filesystem;
using Server = MaildirOptions::Server;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class MaildirSourceTest : public SourceTest {
 protected:
  MaildirSourceTest() { MakeMaildir(""); }

  std::unique_ptr<MailSource> Open(Server server = Server::kAny, std::string uidl_format = "") {
    MaildirOptions options;
    options.server = server;
    options.uidl_format = std::move(uidl_format);
    return Open(std::move(options));
  }
  std::unique_ptr<MailSource> Open(MaildirOptions options) {
    auto source = OpenMaildir(path(), std::move(options));
    EXPECT_TRUE(source.ok()) << source.status();
    return *std::move(source);
  }
  std::vector<std::string> UidlsIn(Server server, std::string format = "") {
    return Uidls(List(*Open(server, std::move(format))));
  }
};

TEST_F(MaildirSourceTest, MessagesHaveDatesFlagsAndSizes) {
  Write("cur/2.host:2,FRS", "xyz", 1'000'000'002);
  Write("cur/1.host:2,DPT", "x", 1'000'000'001);
  Write("new/3.host", "x", 1'000'000'003);
  Write("cur/.hidden", "x");
  Write("tmp/4.host", "x");
  fs::create_directory(root_ / "cur/directory");
  const auto messages = List(*Open());
  EXPECT_THAT(Ids(messages), ElementsAre("1.host", "2.host", "3.host"));
  EXPECT_THAT(Uidls(messages), ElementsAre("", "", ""));
  EXPECT_EQ(messages[0].received, absl::FromUnixSeconds(1'000'000'001));
  EXPECT_EQ(messages[1].octets, 3u);
  EXPECT_THAT(messages[0].flags, ElementsAre("\\Draft", "$Forwarded", "\\Deleted"));
  EXPECT_THAT(messages[1].flags, ElementsAre("\\Flagged", "\\Answered", "\\Seen"));
  EXPECT_THAT(messages[2].flags, IsEmpty());
}

TEST_F(MaildirSourceTest, DatesAreThoseOfTheNamesIfWished) {
  Write("cur/1234567890.M1P1.host:2,S", "x", 1'000'000'002);
  Write("cur/odd.host", "x", 1'000'000'003);
  MaildirOptions options;
  options.dates_from_names = true;
  const auto messages = List(*Open(options));
  EXPECT_THAT(Ids(messages), ElementsAre("odd.host", "1234567890.M1P1.host"));
  EXPECT_EQ(messages[1].received, absl::FromUnixSeconds(1'234'567'890));
  EXPECT_EQ(messages[0].received, absl::FromUnixSeconds(1'000'000'003)) << "it has none";
}

TEST_F(MaildirSourceTest, KeywordsAreNamedByDovecotsList) {
  Write("dovecot-keywords", "0 work\n1 $Label1\nrubbish\n99 no\n");
  Write("cur/1.host:2,Sabc", "x");
  EXPECT_THAT(List(*Open())[0].flags, ElementsAre("\\Seen", "work", "$Label1"));
}

TEST_F(MaildirSourceTest, FoldersAreMailboxesUnderTheirDecodedNames) {
  for (const char* folder : {".Sent", ".Archive.2024", ".Entw&APw-rfe", ".caf\xC3\xA9",
                             ".a&AC8-b", ".Inbox.x", "Tree/Leaf", "Tree/Leaf/Deep", ".Not"}) {
    MakeMaildir(folder);
  }
  fs::remove_all(root_ / ".Not/new");
  std::vector<std::string> names;
  const absl::StatusOr<std::vector<SourceMailbox>> mailboxes = Open()->Mailboxes();
  ASSERT_TRUE(mailboxes.ok()) << mailboxes.status();
  for (const SourceMailbox& mailbox : *mailboxes) names.push_back(mailbox.name);
  EXPECT_THAT(names, ElementsAre("INBOX", "Archive/2024", "Entw\xC3\xBCrfe", "INBOX/x", "Sent",
                                 "Tree/Leaf", "Tree/Leaf/Deep", "a_b", "caf\xC3\xA9"));
}

TEST_F(MaildirSourceTest, AFoldersMessagesComeFromIt) {
  MakeMaildir(".Sent");
  Write("cur/1.host:2,", "inbox");
  Write(".Sent/cur/1.host:2,S", "sent");
  Write(".Sent/new/2.host", "sent too");
  const auto source = Open();
  EXPECT_EQ(Mailbox(*source, "Sent").messages, 2u);
  KeptMessages sink;
  ASSERT_TRUE(source->Fetch(Mailbox(*source, "Sent"), List(*source, "Sent"), &sink).ok());
  ASSERT_EQ(sink.kept.size(), 2u);
  EXPECT_EQ(sink.kept[0].octets, "sent");
  EXPECT_EQ(sink.kept[1].octets, "sent too");
}

TEST_F(MaildirSourceTest, SubscriptionsAreDovecotsOrCouriers) {
  EXPECT_THAT(*Open()->Subscriptions(), IsEmpty());
  Write("courierimapsubscribed", "INBOX\nINBOX.Sent\nINBOX.Archive.2024\n");
  EXPECT_THAT(*Open()->Subscriptions(), ElementsAre("INBOX", "Sent", "Archive/2024"));
  Write("subscriptions", "Sent\nArchive.2024\nEntw&APw-rfe\n");
  EXPECT_THAT(*Open()->Subscriptions(), ElementsAre("Sent", "Archive/2024", "Entw\xC3\xBCrfe"));
  Write("subscriptions", "V\t2\n\nSent\nArchive\t2024\n");
  EXPECT_THAT(*Open()->Subscriptions(), ElementsAre("Sent", "Archive/2024"));
}

TEST_F(MaildirSourceTest, DovecotsMessagesHaveTheirUidlsInTheOrderOfTheirUids) {
  Write("dovecot-uidlist", "3 V1795462950 N9 Gx\n1 :9.host\n2 Pown :8.host\n3 :gone.host\n");
  Write("cur/8.host:2,S", "x");
  Write("cur/9.host:2,", "x");
  Write("new/7.host", "x");
  const auto source = Open(Server::kDovecot);
  SourceMailbox inbox = Mailbox(*source);
  const auto messages = source->Messages(&inbox);
  ASSERT_TRUE(messages.ok()) << messages.status();
  EXPECT_THAT(Ids(*messages), ElementsAre("9.host", "8.host", "7.host"));
  EXPECT_THAT(Uidls(*messages), ElementsAre("000000016b049726", "own", ""));
  EXPECT_EQ((*messages)[1].uid, 2u);
  EXPECT_EQ((*messages)[2].uid, 0u);
  EXPECT_EQ(inbox.uidvalidity, 1795462950u);
  EXPECT_EQ(inbox.uid_next, 9u);
  EXPECT_THAT(UidlsIn(Server::kDovecot, "%v.%u"), ElementsAre("1795462950.1", "own", ""));
  EXPECT_THAT(UidlsIn(Server::kDovecot, "%g"), ElementsAre("9.host", "own", ""));
}

TEST_F(MaildirSourceTest, OnlyTheInboxHasUidls) {
  MakeMaildir(".Sent");
  Write(".Sent/dovecot-uidlist", "3 V5 N2 Gx\n1 :9.host\n");
  Write(".Sent/cur/9.host:2,S", "x");
  EXPECT_THAT(Uidls(List(*Open(Server::kDovecot), "Sent")), ElementsAre(""));
}

TEST_F(MaildirSourceTest, CouriersMessagesHaveTheirUidls) {
  Write("courierpop3dsizelist", "/2 5 1700000000\n1.host:2,S 10 3:1700000000\n2.host 10 0:0\n");
  Write("courierimapuiddb", "1 1234 9\n8 1.host\n7 2.host\nrubbish\n");
  Write("cur/1.host:2,RS", "x", 1'000'000'001);
  Write("cur/2.host", "x", 1'000'000'002);
  Write("new/3.host", "x", 1'000'000'003);
  EXPECT_THAT(UidlsIn(Server::kCourier), ElementsAre("UID3-1700000000", "2.host", ""));
  MaildirOptions options;
  options.server = Server::kCourier;
  options.with_uids = true;
  const auto source = Open(options);
  SourceMailbox inbox = Mailbox(*source);
  EXPECT_THAT(Ids(*source->Messages(&inbox)), ElementsAre("2.host", "1.host", "3.host"));
  EXPECT_EQ(inbox.uidvalidity, 1234u);
  EXPECT_EQ(inbox.uid_next, 9u);
}

TEST_F(MaildirSourceTest, WithoutTheirListsMessagesHaveNoUidlsAndTheOperatorIsTold) {
  Write("cur/1.host:2,S", "x");
  for (const Server server : {Server::kDovecot, Server::kCourier}) {
    const auto source = Open(server);
    EXPECT_THAT(Uidls(List(*source)), ElementsAre(""));
    EXPECT_THAT(source->TakeNotes(), ElementsAre(HasSubstr("new UIDLs")));
  }
}

TEST_F(MaildirSourceTest, AListThatCanNotBeReadIsAnError) {
  const auto message = [this](Server server) {
    const auto source = Open(server);
    SourceMailbox inbox = Mailbox(*source);
    return std::string(source->Messages(&inbox).status().message());
  };
  Write("dovecot-uidlist", "rubbish\n");
  EXPECT_THAT(message(Server::kDovecot), HasSubstr("dovecot-uidlist: line 1"));
  Write("courierpop3dsizelist", "rubbish\n");
  EXPECT_THAT(message(Server::kCourier), HasSubstr("courierpop3dsizelist: line 1"));
}

TEST_F(MaildirSourceTest, FilesThatAreRenamedBeforeTheyAreReadAreFoundAgain) {
  Write("new/1.host", "one");
  Write("cur/2.host:2,", "two");
  Write("cur/3.host:2,", "three");
  const auto source = Open();
  const auto messages = List(*source);
  fs::rename(root_ / "new/1.host", root_ / "cur/1.host:2,S");
  fs::rename(root_ / "cur/2.host:2,", root_ / "cur/2.host:2,FS");
  fs::remove(root_ / "cur/3.host:2,");
  KeptMessages sink;
  ASSERT_TRUE(source->Fetch(Mailbox(*source), messages, &sink).ok());
  ASSERT_EQ(sink.kept.size(), 2u);
  EXPECT_EQ(sink.kept[0].octets, "one");
  EXPECT_THAT(sink.kept[0].message.flags, ElementsAre("\\Seen"));
  EXPECT_EQ(sink.kept[1].octets, "two");
  EXPECT_THAT(sink.kept[1].message.flags, ElementsAre("\\Flagged", "\\Seen"));
  EXPECT_THAT(sink.gone, ElementsAre("3.host"));
}

TEST_F(MaildirSourceTest, LargeAndEmptyFilesComeWhole) {
  const std::string large(1'000'000, 'x');
  Write("cur/1.host:2,", large);
  Write("cur/2.host:2,", "");
  const auto source = Open();
  KeptMessages sink;
  ASSERT_TRUE(source->Fetch(Mailbox(*source), List(*source), &sink).ok());
  ASSERT_EQ(sink.kept.size(), 2u);
  EXPECT_TRUE(sink.kept[0].octets == large);
  EXPECT_EQ(sink.kept[1].octets, "");
}

TEST_F(MaildirSourceTest, WhatIsNoMaildirIsRefused) {
  EXPECT_EQ(ExitCodeOf(OpenMaildir(path(), {Server::kDovecot, "%m"}).status()), kUsage);
  fs::remove_all(root_ / "cur");
  EXPECT_THAT(std::string(OpenMaildir(path(), {}).status().message()),
              HasSubstr("isn't a Maildir"));
}

}  // namespace
}  // namespace restante::ctl
