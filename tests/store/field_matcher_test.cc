#include "storage-service/store/field_matcher.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace restante::store {
namespace {

FilingRule Is(const std::string& field, const std::string& value) {
  return {field, value, false, "Junk"};
}
FilingRule Begins(const std::string& field, const std::string& value) {
  return {field, value, true, "Junk"};
}

// In pieces of every size, which must make no difference.
bool Matches(const std::string& message, const FilingRule& rule) {
  FieldMatcher whole;
  whole.LookFor(rule);
  whole.Feed(message);
  whole.Finish();
  for (size_t piece = 1; piece < 40; ++piece) {
    FieldMatcher matcher;
    matcher.LookFor(rule);
    for (size_t at = 0; at < message.size(); at += piece) {
      matcher.Feed(absl::string_view(message).substr(at, piece));
    }
    matcher.Finish();
    EXPECT_EQ(matcher.Found(rule), whole.Found(rule)) << "in pieces of " << piece;
  }
  return whole.Found(rule);
}

bool IsSpam(const std::string& header) {
  return Matches(header + "\r\nbody\r\n", Is("X-Spam-Flag", "YES"));
}

TEST(FieldMatcher, ComparesNamesAndValuesWithoutRegardToCaseAndSpaceAround) {
  EXPECT_TRUE(IsSpam("X-Spam-Flag: YES\r\n"));
  EXPECT_TRUE(IsSpam("Subject: x\r\nx-spam-flag:yes\r\nTo: y\r\n"));
  EXPECT_TRUE(IsSpam("X-SPAM-FLAG \t:\t Yes \t\r\n"));
  EXPECT_FALSE(IsSpam("X-Spam-Flag: NO\r\n"));
  EXPECT_FALSE(IsSpam("X-Spam-Flag: YES, very\r\n"));
  EXPECT_FALSE(IsSpam("X-Spam-Flag: YE\r\n"));
  EXPECT_FALSE(IsSpam("X-Spam-Flag:\r\n"));
  EXPECT_FALSE(IsSpam("X-Spam-Flags: YES\r\n"));
  EXPECT_FALSE(IsSpam("X-X-Spam-Flag: YES\r\n"));
  EXPECT_FALSE(IsSpam("X-Spam-Flag\r\n"));
  EXPECT_FALSE(IsSpam(""));
}

TEST(FieldMatcher, AnyFieldOfTheNameCounts) {
  EXPECT_TRUE(IsSpam("X-Spam-Flag: NO\r\nX-Spam-Flag: YES\r\n"));
  EXPECT_TRUE(IsSpam("X-Spam-Flag: YES\r\nX-Spam-Flag: NO\r\n"));
}

TEST(FieldMatcher, UnfoldsFields) {
  EXPECT_TRUE(IsSpam("X-Spam-Flag:\r\n YES\r\n"));
  EXPECT_TRUE(IsSpam("X-Spam-Flag: YES\r\n \r\n"));
  EXPECT_FALSE(IsSpam("X-Spam-Flag: NO\r\n YES\r\n"));
  EXPECT_FALSE(IsSpam("Subject: a\r\n X-Spam-Flag: YES\r\n")) << "a line of the subject";
  EXPECT_FALSE(IsSpam(" X-Spam-Flag: YES\r\n")) << "a line of nothing";
  EXPECT_TRUE(
      Matches("X-Spam-Status: Yes,\r\n\tscore=9\r\n", Is("x-spam-status", "yes,\tSCORE=9")));
}

TEST(FieldMatcher, LooksAtTheMessagesOwnHeaderAlone) {
  EXPECT_FALSE(IsSpam("Subject: x\r\n\r\nX-Spam-Flag: YES\r\n"));
  EXPECT_TRUE(IsSpam("no field at all\r\nX-Spam-Flag: YES\r\n"));
  EXPECT_TRUE(Matches("X-Spam-Flag: YES\r\n", Is("X-Spam-Flag", "YES"))) << "no blank line";
}

TEST(FieldMatcher, APrefixIsHowTheValueBegins) {
  EXPECT_TRUE(Matches("X-Spam-Status: Yes, score=9\r\n\r\n", Begins("X-Spam-Status", "yes")));
  EXPECT_FALSE(Matches("X-Spam-Status: No, yes\r\n\r\n", Begins("X-Spam-Status", "yes")));
  EXPECT_TRUE(Matches("X-Spam-Level: ******\r\n\r\n", Begins("X-Spam-Level", "*****")));
  EXPECT_FALSE(Matches("X-Spam-Level: ****\r\n\r\n", Begins("X-Spam-Level", "*****")));
  EXPECT_TRUE(Matches("List-Id:\r\n\r\n", Begins("List-Id", "")));
  EXPECT_FALSE(Matches("Subject: x\r\n\r\n", Begins("List-Id", "")));
}

TEST(FieldMatcher, LongNamesAndValuesAreNoneThatIsLookedFor) {
  EXPECT_FALSE(IsSpam(std::string(5'000, 'x') + ": YES\r\n"));
  EXPECT_FALSE(IsSpam(absl::StrCat("X-Spam-Flag: YES", std::string(5'000, ' '), "x\r\n")));
  EXPECT_TRUE(IsSpam(absl::StrCat("X-Spam-Flag: YES", std::string(5'000, ' '), "\r\n")));
  const std::string longest(kMostFilingValueOctets, 'v');
  const std::string longer = absl::StrCat("X: ", longest, std::string(5'000, 'w'), "\r\n\r\n");
  EXPECT_TRUE(Matches(longer, Begins("X", longest)));
  EXPECT_FALSE(Matches(longer, Is("X", longest)));
  EXPECT_TRUE(Matches("X: " + longest + "\r\n\r\n", Is("X", longest)));
}

TEST(FieldMatcher, KeepsApartWhatSeveralRulesLookFor) {
  FieldMatcher matcher;
  const FilingRule spam = Is("X-Spam-Flag", "YES");
  const FilingRule ham = Is("X-Spam-Flag", "NO");
  const FilingRule list = Begins("List-Id", "");
  for (const FilingRule& rule : {spam, ham, list, spam}) matcher.LookFor(rule);
  matcher.Feed("List-Id: a\r\nX-Spam-Flag: no\r\n\r\n");
  matcher.Finish();
  EXPECT_FALSE(matcher.Found(spam));
  EXPECT_TRUE(matcher.Found(ham));
  EXPECT_TRUE(matcher.Found(list));
}

}  // namespace
}  // namespace restante::store
