// The end of a message after DATA, and its stuffed dots: every case is fed in one piece,
// octet by octet, and cut in two and in three at every place.
#include "plugins/lmtpd/data_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace restante::lmtp {
namespace {

struct Outcome {
  std::string message;
  bool ended = false;
  // What the decoder left, for the next command.
  std::string rest;

  bool operator==(const Outcome&) const = default;
};

Outcome Decode(const std::vector<std::string_view>& segments) {
  DataDecoder decoder;
  Outcome outcome;
  for (const std::string_view segment : segments) {
    size_t used = 0;
    if (!decoder.ended()) {
      const size_t before = outcome.message.size();
      used = decoder.Decode(segment, &outcome.message);
      EXPECT_LE(outcome.message.size() - before, segment.size() + 1);
      EXPECT_TRUE(decoder.ended() || used == segment.size());
    }
    outcome.rest += segment.substr(used);
  }
  outcome.ended = decoder.ended();
  return outcome;
}

void ExpectAtEverySplit(std::string_view input, const Outcome& expected) {
  EXPECT_EQ(Decode({input}), expected);
  std::vector<std::string_view> octets;
  for (size_t i = 0; i < input.size(); ++i) octets.push_back(input.substr(i, 1));
  EXPECT_EQ(Decode(octets), expected) << "octet by octet";
  for (size_t i = 0; i <= input.size(); ++i) {
    EXPECT_EQ(Decode({input.substr(0, i), input.substr(i)}), expected) << "cut at " << i;
    for (size_t k = i; k <= input.size(); ++k) {
      EXPECT_EQ(Decode({input.substr(0, i), input.substr(i, k - i), input.substr(k)}), expected)
          << "cut at " << i << " and " << k;
    }
  }
}

TEST(DataDecoderTest, EndsAtADotAloneOnALine) {
  ExpectAtEverySplit("Subject: x\r\n\r\nhello\r\n.\r\n",
                     {"Subject: x\r\n\r\nhello\r\n", true, ""});
}

TEST(DataDecoderTest, TakesADotAtTheVeryBeginningForAnEmptyMessage) {
  ExpectAtEverySplit(".\r\n", {"", true, ""});
}

TEST(DataDecoderTest, LeavesWhatFollowsTheEnd) {
  ExpectAtEverySplit("a\r\n.\r\nMAIL FROM:<>\r\n", {"a\r\n", true, "MAIL FROM:<>\r\n"});
}

TEST(DataDecoderTest, TakesOneDotOffLinesThatBeginWithOne) {
  ExpectAtEverySplit("..\r\n...\r\n.a\r\n..b\r\n.\r\n", {".\r\n..\r\na\r\n.b\r\n", true, ""});
}

TEST(DataDecoderTest, KeepsDotsInsideLines) {
  ExpectAtEverySplit("a.\r\n a..b .\r\n.\r\n", {"a.\r\n a..b .\r\n", true, ""});
}

// SMTP smuggling: none of these may end a message.
TEST(DataDecoderTest, DoesNotEndAtLfDotLf) {
  ExpectAtEverySplit("a\n.\nb\r\n.\r\n", {"a\n.\nb\r\n", true, ""});
}

TEST(DataDecoderTest, DoesNotEndAtLfDotCrLf) {
  ExpectAtEverySplit("a\n.\r\nb\r\n.\r\n", {"a\n.\r\nb\r\n", true, ""});
}

TEST(DataDecoderTest, DoesNotEndAtCrDotCr) {
  ExpectAtEverySplit("a\r.\rb\r\n.\r\n", {"a\r.\rb\r\n", true, ""});
}

TEST(DataDecoderTest, DoesNotEndAtCrDotCrLf) {
  ExpectAtEverySplit("a\r.\r\nb\r\n.\r\n", {"a\r.\r\nb\r\n", true, ""});
}

TEST(DataDecoderTest, DoesNotEndAtCrLfDotLf) {
  ExpectAtEverySplit("a\r\n.\nb\r\n.\r\n", {"a\r\n\nb\r\n", true, ""});
}

TEST(DataDecoderTest, DoesNotEndAtCrLfDotCr) {
  ExpectAtEverySplit("a\r\n.\rb\r\n.\r\n", {"a\r\n\rb\r\n", true, ""});
}

TEST(DataDecoderTest, DoesNotEndAtCrLfDotCrCrLf) {
  ExpectAtEverySplit("a\r\n.\r\r\nb\r\n.\r\n", {"a\r\n\r\r\nb\r\n", true, ""});
}

TEST(DataDecoderTest, DoesNotEndAtADotAfterTwoCrs) {
  ExpectAtEverySplit("a\r\r\n.x\r\n.\r\n", {"a\r\r\nx\r\n", true, ""});
}

TEST(DataDecoderTest, GoesOnUntilTheEndComes) {
  ExpectAtEverySplit("a\r\n.\r", {"a\r\n", false, ""});
  ExpectAtEverySplit("a\r\n", {"a\r\n", false, ""});
  ExpectAtEverySplit("", {"", false, ""});
}

TEST(DataDecoderTest, PassesNulsAndEightBitOctetsOn) {
  const std::string input("\0\r\n\xFF\0.\r\n.\r\n", 11);
  ExpectAtEverySplit(input, {std::string("\0\r\n\xFF\0.\r\n", 8), true, ""});
}

TEST(DataDecoderTest, PassesBareLineEndsOnUnchanged) {
  ExpectAtEverySplit("a\nb\rc\n\r\n\rd\r\n.\r\n", {"a\nb\rc\n\r\n\rd\r\n", true, ""});
}

}  // namespace
}  // namespace restante::lmtp
