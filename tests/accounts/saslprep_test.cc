// SASLprep: what RFC 4013 says by example, and what is refused.
#include "storage-service/store/saslprep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/errors.h"
#include "storage-service/store/passwords.h"

namespace restante::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Prepared(absl::string_view text) {
  absl::StatusOr<std::string> prepared = SaslPrep("password", text);
  EXPECT_TRUE(prepared.ok()) << prepared.status();
  return prepared.ok() ? *prepared : "";
}

std::string Refusal(absl::string_view text) {
  const absl::Status status = SaslPrep("password", text).status();
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_INVALID_REQUEST);
  return std::string(status.message());
}

TEST(SaslPrep, DoesWhatTheExamplesOfRfc4013Say) {
  EXPECT_EQ(Prepared("I\u00ADX"), "IX");
  EXPECT_EQ(Prepared("user"), "user");
  EXPECT_EQ(Prepared("USER"), "USER");
  EXPECT_EQ(Prepared("\u00AA"), "a");
  EXPECT_EQ(Prepared("\u2168"), "IX");
  EXPECT_THAT(Refusal("\x07"), HasSubstr("prohibits (U+0007)"));
  EXPECT_THAT(Refusal("\u0627\x31"), HasSubstr("right to left"));
}

TEST(SaslPrep, MakesComposedAndDecomposedTheSame) {
  EXPECT_EQ(Prepared("pa\u0301ss"), Prepared("p\u00E1ss"));
}

TEST(SaslPrep, MakesEverySpaceTheSame) { EXPECT_EQ(Prepared("a\u00A0b\u3000c"), "a b c"); }

TEST(SaslPrep, LetsNewerCharactersPass) {
  EXPECT_EQ(Prepared("p\U0001F600ss\u00A0"), "p\U0001F600ss ");
}

TEST(SaslPrep, SaysWhatIsWrong) {
  EXPECT_THAT(Refusal("\xE8"), HasSubstr("the password isn't UTF-8"));
  EXPECT_THAT(Refusal("\u00E8\u200E"), HasSubstr("U+200E"));
  EXPECT_THAT(Refusal("\u00E8\uE000x"), HasSubstr("U+E000"));
  EXPECT_THAT(Refusal("a\u05D0"), HasSubstr("mixes letters"));
  EXPECT_THAT(Refusal(absl::string_view("\u00E8\0", 3)), HasSubstr("U+0000"));
}

TEST(PreparePassword, RefusesOneOfWhichNothingIsLeft) {
  EXPECT_THAT(PreparePassword("\u00AD").status().message(), HasSubstr("empty"));
}

TEST(PasswordForms, AreThePreparedOneAndTheOneThatWasTyped) {
  EXPECT_THAT(PasswordForms("secret"), ElementsAre("secret"));
  EXPECT_THAT(PasswordForms("p\u00E1ss"), ElementsAre("p\u00E1ss"));
  EXPECT_THAT(PasswordForms("pa\u0301ss"), ElementsAre("p\u00E1ss", "pa\u0301ss"));
  // Which can't be prepared for its directions of writing.
  EXPECT_THAT(PasswordForms("\u0627\x31"), ElementsAre("\u0627\x31"));
}

TEST(PasswordForms, AreNoneWithACharacterThatIsProhibited) {
  for (const char* password : {"a\x07", "tulip\uFFF9", "\uE000", "\u0627\uE000\x31"}) {
    EXPECT_THAT(PasswordForms(password), IsEmpty()) << password;
  }
}

}  // namespace
}  // namespace restante::store
