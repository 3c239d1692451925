#include "pop3d/sasl_plain.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace restante::pop3 {
namespace {

std::string Encoded(absl::string_view octets) { return absl::Base64Escape(octets); }

TEST(SaslPlainTest, TakesUserAndPassword) {
  const auto credentials =
      ParsePlain(Encoded(absl::string_view("\0tim\0tanstaaf tanstaaf", 22)));
  ASSERT_TRUE(credentials.ok());
  EXPECT_EQ(credentials->user, "tim");
  EXPECT_EQ(credentials->password, "tanstaaf tanstaaf");
}

TEST(SaslPlainTest, TakesAnAuthorizationIdentityOnlyIfItIsTheUser) {
  for (const absl::string_view same :
       {absl::string_view("tim\0tim\0secret", 14), absl::string_view("TIM\0tim\0secret", 14),
        absl::string_view("tim\0Tim\0secret", 14),
        // U+00C9, and e with U+0301.
        absl::string_view("\xC3\x89va\0e\xCC\x81va\0secret", 17)}) {
    EXPECT_TRUE(ParsePlain(Encoded(same)).ok()) << same;
  }
  // Not UTF-8, but the same.
  EXPECT_TRUE(ParsePlain(Encoded(absl::string_view("t\xFF\0t\xFF\0secret", 12))).ok());
  EXPECT_FALSE(ParsePlain(Encoded(absl::string_view("T\xFF\0t\xFF\0secret", 12))).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(
      ParsePlain(Encoded(absl::string_view("bob\0tim\0secret", 14))).status()));
}

TEST(SaslPlainTest, RefusesWhatHasAnotherForm) {
  for (const absl::string_view octets :
       {absl::string_view(""), absl::string_view("tim"), absl::string_view("tim\0secret", 10),
        absl::string_view("\0\0secret", 8), absl::string_view("\0tim\0", 5),
        absl::string_view("\0tim\0sec\0ret", 12)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePlain(Encoded(octets)).status()));
  }
}

TEST(SaslPlainTest, RefusesBase64ThatIsNotStrict) {
  // "\0a\0b" is AGEAYg==.
  EXPECT_TRUE(ParsePlain("AGEAYg==").ok());
  for (const absl::string_view text :
       {"AGEAYg", "AGEAYg=", "AGEAYg===", " AGEAYg==", "AGEA Yg==", "AGEAYg==\t",
        "AGE*Yg==", "AGEAYg==AGEAYg==", "====", "AG=AYg=="}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePlain(text).status())) << text;
  }
}

}  // namespace
}  // namespace restante::pop3
