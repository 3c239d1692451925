#include "pop3d/command.h"

#include <gtest/gtest.h>

#include <string>

namespace restante::pop3 {
namespace {

TEST(CommandTest, TakesKeywordsInAnyCase) {
  EXPECT_EQ(ParseCommand("RETR 1").verb, Verb::kRetr);
  EXPECT_EQ(ParseCommand("retr 1").verb, Verb::kRetr);
  EXPECT_EQ(ParseCommand("ReTr 1").verb, Verb::kRetr);
  EXPECT_EQ(ParseCommand("top 1 0").verb, Verb::kTop);
}

TEST(CommandTest, KnowsNoKeywordThatIsLongerOrShorter) {
  for (const absl::string_view line :
       {"", " ", "RET", "RETRX", "RETR\t1", " RETR 1", "STATS"}) {
    EXPECT_EQ(ParseCommand(line).verb, Verb::kUnknown) << line;
  }
}

TEST(CommandTest, DropsSpacesAtTheEndOfEveryLineButThatOfPass) {
  EXPECT_EQ(ParseCommand("STAT ").argument, "");
  EXPECT_EQ(ParseCommand("RETR 1  ").argument, "1");
  EXPECT_EQ(ParseCommand("PASS two words ").argument, "two words ");
  EXPECT_EQ(ParseCommand("pass  leading").argument, " leading");
}

TEST(CommandTest, SplitsNoArgumentThatTakesOne) {
  EXPECT_EQ(OneArgument("name"), "name");
  EXPECT_FALSE(OneArgument("").has_value());
  EXPECT_FALSE(OneArgument("two words").has_value());
}

TEST(CommandTest, TakesMessageNumbersOfDigitsAlone) {
  EXPECT_EQ(ParseMessageNumber("1"), 1u);
  EXPECT_EQ(ParseMessageNumber("007"), 7u);
  EXPECT_EQ(ParseMessageNumber("4294967295"), 4294967295u);
}

TEST(CommandTest, RefusesEverythingElseAsMessageNumber) {
  for (const absl::string_view text :
       {"", "0", "00", "-1", "+1", "0x1", "1 2", " 1", "1.", "1e3", "one", "4294967296",
        "18446744073709551616", "99999999999999999999999999", "\xd9\xa1"}) {
    EXPECT_FALSE(ParseMessageNumber(text).has_value()) << text;
  }
  EXPECT_FALSE(ParseMessageNumber(absl::string_view("1\0", 2)).has_value());
}

TEST(CommandTest, TakesTopWithANumberAndACountOfLines) {
  const std::optional<TopArguments> top = ParseTopArguments("3 0");
  ASSERT_TRUE(top.has_value());
  EXPECT_EQ(top->number, 3u);
  EXPECT_EQ(top->lines, 0u);
  EXPECT_EQ(ParseTopArguments("1 18446744073709551615")->lines, UINT64_MAX);
}

TEST(CommandTest, RefusesTopWithAnythingElse) {
  for (const absl::string_view text : {"", "1", "1 ", "0 1", "1 -1", "1 +1", "1  1", "1 1 1",
                                       "1 x", "1 18446744073709551616"}) {
    EXPECT_FALSE(ParseTopArguments(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace restante::pop3
