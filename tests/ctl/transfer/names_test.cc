// Names and flags between servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage-service/ctl/transfer/import_flags.h"
#include "storage-service/ctl/transfer/mailbox_names.h"
#include "storage-service/ctl/transfer/maildir_names.h"

namespace restante::ctl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ModifiedUtf7, IsReadAndWritten) {
  EXPECT_EQ(FromModifiedUtf7("~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            "~peter/mail/\xE5\x8F\xB0\xE5\x8C\x97/\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E");
  EXPECT_EQ(FromModifiedUtf7("a&-b"), "a&b");
  EXPECT_EQ(FromModifiedUtf7("a&b"), std::nullopt);
  EXPECT_EQ(FromModifiedUtf7("caf\xC3\xA9"), std::nullopt);
  for (const char* name :
       {"", "INBOX", "Entw\xC3\xBCrfe", "a&b", "caf\xC3\xA9", "\xF0\x9F\x93\xAC x"}) {
    EXPECT_EQ(FromModifiedUtf7(ToModifiedUtf7(name)), name);
  }
}

TEST(MailboxNameOf, MakesNamesThatCanBe) {
  EXPECT_EQ(MailboxNameOf({"Archive", "2024"}), "Archive/2024");
  EXPECT_EQ(MailboxNameOf({"inbox"}), "INBOX");
  EXPECT_EQ(MailboxNameOf({"Inbox", "Sub"}), "INBOX/Sub");
  EXPECT_EQ(MailboxNameOf({"Inboxes"}), "Inboxes");
  EXPECT_EQ(MailboxNameOf({"a/b", "", " c "}), "a_b/_/_c_");
  EXPECT_EQ(MailboxNameOf({"R&D", "&AOk"}), "R&D/&AOk");
  EXPECT_EQ(MailboxNameOf({"tab\there"}), "tab_here");
  EXPECT_EQ(MailboxNameOf({"latin\xE9"}), "latin_");
  EXPECT_EQ(MailboxNameOf({"e\xCC\x81"}), "\xC3\xA9") << "normalization form C";
}

TEST(MaildirFolderOf, IsTheNameOfADirectory) {
  EXPECT_EQ(MaildirFolderOf("INBOX"), "");
  EXPECT_EQ(MaildirFolderOf("Archive/2024"), ".Archive.2024");
  EXPECT_EQ(MaildirFolderOf("v1.0"), ".v1_0");
  EXPECT_EQ(MaildirFolderOf("../x"), ".__.x");
  EXPECT_EQ(MaildirFolderOf("Entw\xC3\xBCrfe"), ".Entw&APw-rfe");
}

TEST(MaildirLetters, AreInOrderAndGiveKeywordsLetters) {
  MaildirKeywords keywords = {{'a', "work"}};
  std::vector<std::string> left_out;
  EXPECT_EQ(MaildirLetters({"\\Seen", "Work", "$Label1", "\\Draft", "$Forwarded"}, &keywords,
                           &left_out),
            "DPSab");
  EXPECT_EQ(keywords.at('b'), "$Label1");
  EXPECT_THAT(left_out, IsEmpty());
  EXPECT_EQ(FormatMaildirKeywords(keywords), "0 work\n1 $Label1\n");
  EXPECT_EQ(ParseMaildirKeywords(FormatMaildirKeywords(keywords)), keywords);
  for (int i = 0; i < 24; ++i) {
    MaildirLetters({"k" + std::to_string(i)}, &keywords, &left_out);
  }
  EXPECT_EQ(MaildirLetters({"one-more", "\\Odd"}, &keywords, &left_out), "");
  EXPECT_THAT(left_out, ElementsAre("one-more", "\\Odd"));
}

TEST(KeptFlags, AreSystemFlagsAndKeywords) {
  std::vector<std::string> dropped;
  EXPECT_THAT(KeptFlags({"\\seen", "\\Recent", "\\Odd", "$Label1", "two words", ""}, &dropped),
              ElementsAre("\\seen", "$Label1"));
  EXPECT_THAT(dropped, ElementsAre("\\Odd", "two words", ""));
  dropped.clear();
  std::vector<std::string> many;
  for (int i = 0; i < 70; ++i) many.push_back("k" + std::to_string(i));
  EXPECT_THAT(KeptFlags(many, &dropped), SizeIs(64));
  EXPECT_THAT(dropped, SizeIs(6));
}

}  // namespace
}  // namespace restante::ctl
