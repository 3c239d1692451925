// The texts of replies and the choice of their language.
#include "pop3d/languages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/errors.h"

namespace restante::pop3 {
namespace {

using ::testing::Optional;

constexpr Language kAll[] = {Language::kDefault, Language::kEnglish, Language::kItalian};

TEST(LanguagesTest, HaveEachTextInPrintableAsciiThatFitsIntoAReply) {
  for (size_t i = 0; i < kTextCount; ++i) {
    for (const Language language : kAll) {
      const absl::string_view text = TextIn(language, static_cast<Text>(i));
      EXPECT_FALSE(text.empty()) << i;
      EXPECT_LT(text.size(), 200u) << text;
      EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return c >= 0x20 && c <= 0x7E;
      })) << text;
    }
  }
}

TEST(LanguagesTest, SayEachTextOtherwiseInItalian) {
  for (size_t i = 0; i < kTextCount; ++i) {
    const Text text = static_cast<Text>(i);
    EXPECT_NE(TextIn(Language::kItalian, text), TextIn(Language::kEnglish, text));
    EXPECT_EQ(TextIn(Language::kDefault, text), TextIn(Language::kEnglish, text));
  }
}

// A text that begins with a bracket would be taken for a response code (RFC 2449,
// section 8).
TEST(LanguagesTest, NeverBeginATextWithABracket) {
  for (size_t i = 0; i < kTextCount; ++i) {
    for (const Language language : kAll) {
      EXPECT_NE(TextIn(language, static_cast<Text>(i)).front(), '[');
    }
  }
}

TEST(LanguagesTest, HaveTheTextOfEveryErrorAsAllProgramsSayIt) {
  for (int i = v1::ErrorReason_MIN; i <= v1::ErrorReason_MAX; ++i) {
    if (!v1::ErrorReason_IsValid(i)) continue;
    const absl::Status status = MakeError(static_cast<v1::ErrorReason>(i), "x");
    EXPECT_EQ(TextIn(Language::kEnglish, TextFor(status)), ReplyFor(status).pop3_text) << i;
  }
}

TEST(LanguagesTest, AreFoundByTheirTagsInAnyCase) {
  EXPECT_THAT(FindLanguage("en", Language::kDefault), Optional(Language::kEnglish));
  EXPECT_THAT(FindLanguage("It", Language::kDefault), Optional(Language::kItalian));
  EXPECT_THAT(FindLanguage("I-DEFAULT", Language::kItalian), Optional(Language::kDefault));
  for (const Language language : kAll) {
    EXPECT_THAT(FindLanguage(TagOf(language), Language::kDefault), Optional(language));
  }
}

TEST(LanguagesTest, AreFoundByNarrowerRanges) {
  EXPECT_THAT(FindLanguage("it-CH", Language::kDefault), Optional(Language::kItalian));
  EXPECT_THAT(FindLanguage("en-GB-oed", Language::kDefault), Optional(Language::kEnglish));
  EXPECT_THAT(FindLanguage("it-x-private", Language::kDefault), Optional(Language::kItalian));
}

TEST(LanguagesTest, AreTheOperatorsChoiceForAnAsterisk) {
  EXPECT_THAT(FindLanguage("*", Language::kItalian), Optional(Language::kItalian));
}

TEST(LanguagesTest, AreNotFoundByWhatIsNoRange) {
  for (const char* range : {"uga", "", "i", "x-it", "-it", "it-", "it--CH", "i t", "*-CH", "1t",
                            "italianissimo", "it-\xc3\xa8", "it_IT"}) {
    EXPECT_EQ(FindLanguage(range, Language::kDefault), std::nullopt) << range;
  }
}

TEST(LanguagesTest, AreListedWithTheirOwnNames) {
  std::string listing;
  AppendLanguages(&listing);
  EXPECT_EQ(listing, "i-default English\r\nen English\r\nit Italiano\r\n");
}

}  // namespace
}  // namespace restante::pop3
