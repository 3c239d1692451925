// An mbox, as it is read for an import.
#include "storage-service/ctl/exit_codes.h"
#include "storage-service/ctl/transfer/lf_lines.h"
#include "storage-service/ctl/transfer/mbox_source.h"
#include "storage-service/ctl/transfer/message_date.h"
#include "tests/ctl/transfer/source_fixture.h"

namespace restante::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kFrom[] = "From ann@example.org Thu Jan  1 00:00:10 1970\n";

class MboxTest : public SourceTest {
 protected:
  MboxTest() { options_.zone = absl::UTCTimeZone(); }

  std::unique_ptr<MailSource> Open(const std::string& text) {
    Write("mbox", text);
    auto source = OpenMbox(path() + "/mbox", "Old", options_);
    EXPECT_TRUE(source.ok()) << source.status();
    return *std::move(source);
  }
  // All of its messages.
  std::vector<KeptMessages::Kept> Read(const std::string& text) {
    const auto source = Open(text);
    KeptMessages sink;
    const auto messages = List(*source, "Old");
    EXPECT_TRUE(source->Fetch({}, messages, &sink).ok());
    EXPECT_THAT(sink.unreadable, IsEmpty());
    return sink.kept;
  }
  std::vector<std::string> Texts(const std::string& text) {
    std::vector<std::string> texts;
    for (const auto& kept : Read(text)) texts.push_back(kept.octets);
    return texts;
  }

  MboxOptions options_;
};

TEST_F(MboxTest, MessagesBeginBehindABlankLine) {
  EXPECT_THAT(Texts(""), IsEmpty());
  EXPECT_THAT(Texts(absl::StrCat(kFrom, "S: 1\n\nx\n\n", kFrom, "S: 2\n\ny\n\n\n", kFrom, "\n",
                                 kFrom, "S: 4\n\n")),
              ElementsAre("S: 1\n\nx\n", "S: 2\n\ny\n\n", "\n", "S: 4\n\n"));
  EXPECT_THAT(Texts(absl::StrCat(kFrom, "S: 1\n\nx\n", kFrom, "y")),
              ElementsAre(absl::StrCat("S: 1\n\nx\n", kFrom, "y")))
      << "no blank line";
  EXPECT_THAT(Texts(absl::StrCat(kFrom, "S: 1\n\nx\n\nFrom me to you\n")),
              ElementsAre("S: 1\n\nx\n\nFrom me to you\n"))
      << "no date";
  EXPECT_THAT(Texts(absl::StrCat(kFrom, "S: 1\r\n\r\nx\r\n\r\n", kFrom, "S: 2\r\n\r\n")),
              ElementsAre("S: 1\r\n\r\nx\r\n", "S: 2\r\n\r\n"));
}

TEST_F(MboxTest, QuotingIsTakenAway) {
  const std::string text = absl::StrCat(kFrom, "S: 1\n\n>From x\n>>From y\n> From\n");
  EXPECT_THAT(Texts(text), ElementsAre("S: 1\n\nFrom x\n>From y\n> From\n"));
  options_.quoting = MboxQuoting::kMboxo;
  EXPECT_THAT(Texts(text), ElementsAre("S: 1\n\nFrom x\n>>From y\n> From\n"));
  options_.quoting = MboxQuoting::kNone;
  EXPECT_THAT(Texts(text), ElementsAre("S: 1\n\n>From x\n>>From y\n> From\n"));
}

TEST_F(MboxTest, FieldsWithFlagsBecomeFlags) {
  const std::string text = absl::StrCat(
      kFrom, "Subject: x\nX-IMAPbase: 1234 0000000099 work\nStatus: RO\nX-Status: AFTD\n",
      "X-Keywords: work\n $Label1\nX-UID: 7\nContent-Length: 2\nTo: y\n\nStatus: RO\n");
  const auto source = Open(text);
  SourceMailbox mailbox = Mailbox(*source, "Old");
  EXPECT_EQ(mailbox.uidvalidity, 1234u);
  EXPECT_EQ(mailbox.uid_next, 100u);
  const auto messages = *source->Messages(&mailbox);
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_THAT(messages[0].flags, ElementsAre("\\Seen", "\\Answered", "\\Flagged", "\\Draft",
                                             "\\Deleted", "work", "$Label1"));
  EXPECT_EQ(messages[0].uid, 7u);
  EXPECT_EQ(messages[0].received, absl::FromUnixSeconds(10));
  EXPECT_THAT(Texts(text), ElementsAre("Subject: x\nTo: y\n\nStatus: RO\n"));
  options_.keep_status_fields = true;
  EXPECT_EQ(Texts(text)[0].size() + sizeof(kFrom) - 1, text.size());
}

TEST_F(MboxTest, FoldersInternalDataAreNoMessage) {
  const auto source = Open(absl::StrCat(
      "From MAILER-DAEMON Thu Jan  1 00:00:10 1970\n"
      "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 5 9\n\ntext\n\n",
      kFrom, "S: 1\n\n"));
  EXPECT_EQ(Mailbox(*source, "Old").uidvalidity, 5u);
}

TEST_F(MboxTest, IdsStayWhenFlagsChangeAndTellEqualMessagesApart) {
  const std::string one = absl::StrCat(kFrom, "S: 1\n\nx\n\n");
  const auto ids = Ids(List(*Open(one + one), "Old"));
  ASSERT_THAT(ids, SizeIs(2));
  EXPECT_NE(ids[0], ids[1]);
  const std::string read = absl::StrCat(kFrom, "S: 1\nStatus: RO\n\nx\n\n");
  EXPECT_EQ(Ids(List(*Open(one + read), "Old")), ids);
  EXPECT_THAT(Read(read + one), SizeIs(2));
}

TEST_F(MboxTest, WhatChangesMeanwhileIsTold) {
  const auto source = Open(absl::StrCat(kFrom, "S: 1\n\nx\n\n", kFrom, "S: 2\n\nx\n\n"));
  const auto messages = List(*source, "Old");
  Write("mbox", absl::StrCat(kFrom, "S: other\n\nx\n\n"));
  KeptMessages sink;
  EXPECT_FALSE(source->Fetch({}, messages, &sink).ok());
  EXPECT_THAT(sink.unreadable, SizeIs(1));
}

TEST_F(MboxTest, LongLinesComeWhole) {
  const std::string line(300'000, 'x');
  EXPECT_THAT(Texts(absl::StrCat(kFrom, "S: ", line, "\n\n", line, "From \n")),
              ElementsAre(absl::StrCat("S: ", line, "\n\n", line, "From \n")));
}

TEST_F(MboxTest, WhatIsNoMboxIsRefused) {
  Write("mbox", "Subject: x\n\n");
  EXPECT_THAT(std::string(OpenMbox(path() + "/mbox", "Old", options_).status().message()),
              HasSubstr("isn't an mbox"));
  EXPECT_FALSE(OpenMbox(path() + "/none", "Old", options_).ok());
}

TEST(FromLine, HasADateInManyForms) {
  const auto parse = [](const char* line) {
    const auto time = ParseFromLine(line, absl::FixedTimeZone(3600));
    return time ? absl::ToUnixSeconds(*time) : -1;
  };
  EXPECT_EQ(parse("From a@b Sat Jan  3 01:05:34 1996\n"), 820627534);
  EXPECT_EQ(parse("From a@b Sat Jan  3 01:05 1996\n"), 820627500);
  EXPECT_EQ(parse("From a@b Sat Jan  3 00:05:34 1996 GMT\n"), 820627534);
  EXPECT_EQ(parse("From a@b Sat Jan  3 01:05:34 +0100 1996\n"), 820627534);
  EXPECT_EQ(parse("From a@b Sat Jan  3 01:05:34 1996 +0100\n"), 820627534);
  EXPECT_EQ(parse("From a@b Sat Jan  3 01:05:34 MET 1996\n"), 820627534);
  EXPECT_EQ(parse("From \"a b\"@c Sat Jan 3 01:05:34 1996\n"), 820627534);
  for (const char* line : {"From here to there\n", "From a@b Sat Jan 99 01:05:34 1996",
                           "From a@b Sat Jan 3 25:05:34 1996", ">From a@b", "From ", ""}) {
    EXPECT_EQ(parse(line), -1) << line;
  }
  const std::string written = FormatFromLine("a@b", absl::FromUnixSeconds(820627534));
  EXPECT_EQ(written, "From a@b Wed Jan  3 00:05:34 1996\n");
  EXPECT_EQ(FormatFromLine("a b", absl::FromUnixSeconds(0)),
            "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
}

TEST(LfLines, LoseNoOctet) {
  const std::string message = "a\r\nb\r\r\nc\rd\r\n\r\n\r\r\r\n.\r\n\r";
  for (size_t cut = 0; cut <= message.size(); ++cut) {
    LfLines lines;
    std::string converted = lines.Convert(message.substr(0, cut));
    converted += lines.Convert(message.substr(cut));
    converted += lines.Finish();
    EXPECT_EQ(converted, "a\nb\r\r\nc\rd\n\n\r\r\r\n.\n\r") << cut;
  }
}

TEST(MessageDate, IsReadAsRfc5322HasIt) {
  const auto parse = [](const char* text) {
    const auto time = ParseMessageDate(text);
    return time ? absl::ToUnixSeconds(*time) : -1;
  };
  EXPECT_EQ(parse(" Fri, 21 Nov 1997 09:55:06 -0600"), 880127706);
  EXPECT_EQ(parse("21 Nov 97 09:55:06 -0600 (CST)"), 880127706);
  EXPECT_EQ(parse("Fri, 21 Nov\r\n 1997 15:55:06 GMT"), 880127706);
  EXPECT_EQ(parse("Fri, 21 Nov 1997 15:55 GMT"), 880127700);
  for (const char* text : {"", "yesterday", "Fri, 99 Nov 1997 09:55:06 -0600", "1 2 3 4 5"}) {
    EXPECT_EQ(parse(text), -1) << text;
  }
}

TEST(MessageDate, IsThatOfTheLastHop) {
  EXPECT_EQ(
      ReceivedDate("Received: from a by b\r\n\tfor <c>; Fri, 21 Nov 1997 09:55:06 -0600\r\n"
                   "Received: by a; Fri, 21 Nov 1997 09:00:00 -0600\r\n"
                   "Date: Thu, 20 Nov 1997 09:00:00 -0600\r\n\r\nDate: no\r\n"),
      absl::FromUnixSeconds(880127706));
  EXPECT_EQ(ReceivedDate("Subject: x\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\n"),
            absl::FromUnixSeconds(880127706));
  EXPECT_EQ(ReceivedDate("\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\n"), std::nullopt);
}

}  // namespace
}  // namespace restante::ctl
