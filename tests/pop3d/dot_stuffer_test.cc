#include "pop3d/dot_stuffer.h"

#include <gtest/gtest.h>

namespace restante::pop3 {
namespace {

std::string Stuffed(absl::string_view octets) {
  DotStuffer stuffer;
  std::string out;
  stuffer.Append(octets, &out);
  stuffer.Finish(&out);
  return out;
}

TEST(DotStufferTest, StuffsTheFirstOctetOfAMessage) {
  EXPECT_EQ(Stuffed(".\r\n"), "..\r\n.\r\n");
  EXPECT_EQ(Stuffed("..\r\n"), "...\r\n.\r\n");
}

TEST(DotStufferTest, StuffsDotsAtLineStartsAndNoOthers) {
  EXPECT_EQ(Stuffed("a.b\r\n.c\r\n..\r\nd.\r\n"), "a.b\r\n..c\r\n...\r\nd.\r\n.\r\n");
}

TEST(DotStufferTest, TakesABareCrForNoLineEnd) {
  EXPECT_EQ(Stuffed("a\r.b\r\n"), "a\r.b\r\n.\r\n");
}

TEST(DotStufferTest, EndsAnEmptyMessageWithTheDotAlone) { EXPECT_EQ(Stuffed(""), ".\r\n"); }

TEST(DotStufferTest, EndsALastLineThatHasNoEnd) { EXPECT_EQ(Stuffed("a"), "a\r\n.\r\n"); }

TEST(DotStufferTest, GivesTheSameAtEveryPairOfSplits) {
  const std::string message(
      "."
      "a\r\n..\r\n\r\n.\r\nb.\r\n\0.\r\n.",
      21);
  const std::string whole = Stuffed(message);
  for (size_t first = 0; first <= message.size(); ++first) {
    for (size_t second = first; second <= message.size(); ++second) {
      DotStuffer stuffer;
      std::string out;
      stuffer.Append(absl::string_view(message).substr(0, first), &out);
      stuffer.Append(absl::string_view(message).substr(first, second - first), &out);
      stuffer.Append(absl::string_view(message).substr(second), &out);
      stuffer.Finish(&out);
      ASSERT_EQ(out, whole) << first << " " << second;
    }
  }
}

TEST(DotStufferTest, FollowsOctetsThatPassUntouched) {
  DotStuffer stuffer;
  std::string out;
  stuffer.Pass("a\r\n");
  stuffer.Finish(&out);
  EXPECT_EQ(out, ".\r\n");
  out.clear();
  stuffer.Pass("a\r");
  stuffer.Pass("");
  stuffer.Finish(&out);
  EXPECT_EQ(out, "\r\n.\r\n");
}

}  // namespace
}  // namespace restante::pop3
