#include "storage-service/store/field_downgrade.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/store/decode_words.h"

namespace restante::store {
namespace {

TEST(FieldDowngrade, FreeTextBecomesEncodedWords) {
  EXPECT_EQ(DowngradeField("Subject: Grüezi\r\n"), "Subject: =?UTF-8?Q?Gr=C3=BCezi?=\r\n");
}

TEST(FieldDowngrade, WordsThatAreAsciiStayAsTheyAre) {
  EXPECT_EQ(DowngradeField("Subject: Re: [list] Grüezi from Rome\r\n"),
            "Subject: Re: [list] =?UTF-8?Q?Gr=C3=BCezi?= from Rome\r\n");
}

TEST(FieldDowngrade, TextThatIsMostlyNotAsciiIsBase64) {
  EXPECT_EQ(DowngradeField("Subject: 日本語\r\n"), "Subject: =?UTF-8?B?5pel5pys6Kqe?=\r\n");
}

TEST(FieldDowngrade, SpaceBetweenEncodedNeighboursIsKept) {
  EXPECT_EQ(DowngradeField("Subject: è così  già\r\n"),
            "Subject: =?UTF-8?Q?=C3=A8_cos=C3=AC__gi=C3=A0?=\r\n");
  EXPECT_EQ(DecodeWords("=?UTF-8?Q?=C3=A8_cos=C3=AC__gi=C3=A0?="), "è così  già");
}

TEST(FieldDowngrade, SpaceNextToSomebodyElsesEncodedWordIsKept) {
  const std::string field = DowngradeField("Subject: =?utf-8?q?a?= ü =?utf-8?q?b?=\r\n");
  EXPECT_EQ(DecodeWords(TextOf(field)), "a ü b");
}

TEST(FieldDowngrade, LongTextIsFoldedAndNoCharacterIsCut) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "ж€😀a";
  const std::string field = DowngradeField(absl::StrCat("Subject: ", text, "\r\n"));
  EXPECT_LE(LongestLine(field), 76u);
  EXPECT_EQ(DecodeWords(TextOf(field)), text);
  for (const std::string& word : EncodedWordsOf(field)) {
    EXPECT_LE(word.size(), 75u);
    EXPECT_TRUE(IsUtf8(DecodeWords(word))) << word;
  }
}

TEST(FieldDowngrade, AFoldedFieldIsUnfoldedFirst) {
  EXPECT_EQ(DowngradeField("Subject: è\r\n\tgià\r\n così\r\n"),
            "Subject: =?UTF-8?B?w6gJZ2nDoCBjb3PDrA==?=\r\n");
}

TEST(FieldDowngrade, WhatIsNotUtf8BecomesTheReplacementCharacter) {
  EXPECT_EQ(DecodeWords(TextOf(DowngradeField("Subject: caf\xE9 \xC3\xA8\r\n"))),
            "caf\xEF\xBF\xBD è");
}

TEST(FieldDowngrade, ControlCharactersAndNulsAreEncoded) {
  const std::string field =
      DowngradeField(std::string("Subject: a\0\x7F\x1B"
                                 "è\r\n",
                                 17));
  EXPECT_EQ(field, "Subject: =?UTF-8?B?YQB/G8Oo?=\r\n");
}

TEST(FieldDowngrade, DisplayNamesBecomeEncodedWordsAndAddressesStay) {
  EXPECT_EQ(DowngradeField("From: José García <jose@example.org>\r\n"),
            "From: =?UTF-8?Q?Jos=C3=A9_Garc=C3=ADa?= <jose@example.org>\r\n");
  EXPECT_EQ(DowngradeField("From: \"García, José\" <jose@example.org>\r\n"),
            "From: =?UTF-8?Q?Garc=C3=ADa=2C_Jos=C3=A9?= <jose@example.org>\r\n");
}

TEST(FieldDowngrade, TheOthersOfAListStayAsTheyAre) {
  EXPECT_EQ(DowngradeField("To: \"A, B\" <a@example.org>, è <b@example.org>,c@example.org\r\n"),
            "To: \"A, B\" <a@example.org>, =?UTF-8?B?w6g=?= <b@example.org>,\r\n"
            " c@example.org\r\n");
}

TEST(FieldDowngrade, DomainsBecomeALabels) {
  EXPECT_EQ(DowngradeField("From: info@bücher.example\r\n"),
            "From: info@xn--bcher-kva.example\r\n");
  EXPECT_EQ(DowngradeField("From: Bücher <info@bücher.example>\r\n"),
            "From: =?UTF-8?Q?B=C3=BCcher?= <info@xn--bcher-kva.example>\r\n");
}

TEST(FieldDowngrade, AnAddressThatCanNotBeWrittenIsShownInAnEmptyGroup) {
  EXPECT_EQ(DowngradeField("From: jörg@bücher.example\r\n"),
            "From: =?UTF-8?Q?j=C3=B6rg=40b=C3=BCcher=2Eexample?= :;\r\n");
  EXPECT_EQ(DowngradeField("From: Jörg <jörg@example.org>\r\n"),
            "From: =?UTF-8?Q?J=C3=B6rg?= =?UTF-8?Q?j=C3=B6rg=40example=2Eorg?= :;\r\n");
}

TEST(FieldDowngrade, AGroupKeepsItsMembersIfAllCanBeWritten) {
  EXPECT_EQ(DowngradeField("To: Köln: a@example.org, b@bücher.example;\r\n"),
            "To: =?UTF-8?Q?K=C3=B6ln?=: a@example.org, b@xn--bcher-kva.example;\r\n");
  EXPECT_EQ(DowngradeField("To: Team: a@example.org, jö@example.org;, c@example.org\r\n"),
            "To: Team =?UTF-8?Q?a=40example=2Eorg=2C_j=C3=B6=40example=2Eorg?= :;,\r\n"
            " c@example.org\r\n");
}

TEST(FieldDowngrade, CommentsBecomeEncodedWordsInBrackets) {
  EXPECT_EQ(DowngradeField("From: jose@example.org (José)\r\n"),
            "From: jose@example.org (=?UTF-8?Q?Jos=C3=A9?=)\r\n");
}

TEST(FieldDowngrade, AListThatCanNotBeUnderstoodIsRenamed) {
  for (const char* list : {"è <a@b", "\"è", "è (", "<è> x@y z", "è@b; a:", "è>"}) {
    const std::string field = DowngradeField(absl::StrCat("To: ", list, "\r\n"));
    EXPECT_TRUE(absl::StartsWith(field, "Downgraded-To: =?UTF-8?")) << field;
    EXPECT_EQ(DecodeWords(TextOf(field)), list);
  }
}

TEST(FieldDowngrade, WhatProgramsReadIsRenamed) {
  EXPECT_EQ(DowngradeField("Message-ID: <1@bücher.example>\r\n"),
            "Downgraded-Message-ID: =?UTF-8?Q?=3C1=40b=C3=BCcher=2Eexample=3E?=\r\n");
}

TEST(FieldDowngrade, ReceivedLosesClausesThatCanNotBeWritten) {
  EXPECT_EQ(DowngradeField("Received: from a.example (a.example [192.0.2.1])\r\n"
                           "\tby b.example with UTF8SMTP id 1 for <jörg@b.example>;\r\n"
                           "\tMon, 1 Jan 2024 00:00:00 +0000 (Köln)\r\n"),
            "Received: from a.example (a.example [192.0.2.1]) by b.example with\r\n"
            " UTF8SMTP id 1; Mon, 1 Jan 2024 00:00:00 +0000 (=?UTF-8?Q?K=C3=B6ln?=)\r\n");
  EXPECT_EQ(DowngradeField("Received: from bücher.example by b.example; now\r\n"),
            "Received: from xn--bcher-kva.example by b.example; now\r\n");
}

TEST(FieldDowngrade, ParametersAreWrittenAsRfc2231HasThem) {
  EXPECT_EQ(DowngradeField("Content-Type: text/plain; charset=utf-8; name=\"über.txt\"\r\n"),
            "Content-Type: text/plain; charset=utf-8; name*=UTF-8''%C3%BCber.txt\r\n");
  EXPECT_EQ(DowngradeField("Content-Disposition: attachment; filename=è.txt; size=1\r\n"),
            "Content-Disposition: attachment; filename*=UTF-8''%C3%A8.txt; size=1\r\n");
  EXPECT_EQ(DowngradeField("Content-Disposition: attachment; filename*=utf-8'it'è\r\n"),
            "Content-Disposition: attachment; filename*=utf-8'it'%C3%A8\r\n");
}

TEST(FieldDowngrade, ALongParameterIsCutIntoPieces) {
  std::string name;
  for (int i = 0; i < 40; ++i) name += "è";
  const std::string field =
      DowngradeField(absl::StrCat("Content-Disposition: inline; filename=\"", name, "\"\r\n"));
  EXPECT_LE(LongestLine(field), 78u);
  EXPECT_TRUE(absl::StrContains(field, "filename*0*=UTF-8''%C3%A8")) << field;
  EXPECT_TRUE(absl::StrContains(field, ";\r\n filename*1*=%")) << field;
}

TEST(FieldDowngrade, AContentTypeThatCanNotBeUnderstoodKeepsItsShape) {
  EXPECT_EQ(DowngradeField("Content-Type: text/plain; name=\"\xC3\xA8\r\n"),
            "Content-Type: text/plain; name=\"??\r\n");
}

TEST(FieldDowngrade, WhatIsNoFieldGetsQuestionMarks) {
  EXPECT_EQ(DowngradeField("kein Feld: \xC3\xA8\r\n \xC3\xA8\r\n"), "kein Feld: ??\r\n ??\r\n");
  EXPECT_EQ(DowngradeField(".\xC3\xA8\r\n"), ".??\r\n");
  EXPECT_EQ(DowngradeField("Sübject: x\r\n"), "S??bject: x\r\n");
}

TEST(FieldDowngrade, NoLineIsLongerThan998Octets) {
  const std::string word(5000, 'a');
  for (const char* name : {"Subject", "From", "To", "Received", "X-Any", "References"}) {
    const std::string field =
        DowngradeField(absl::StrCat(name, ": è <", word, "@example.org> ", word, "\r\n"));
    EXPECT_LE(LongestLine(field), 998u) << name;
  }
}

}  // namespace
}  // namespace restante::store
