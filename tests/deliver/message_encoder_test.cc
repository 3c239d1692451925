#include "plugins/deliver/message_encoder.h"

#include <gtest/gtest.h>

namespace restante::deliver {
namespace {

std::string Encoded(std::string_view message, size_t piece = 1000) {
  MessageEncoder encoder;
  std::string data;
  while (!message.empty()) {
    encoder.Encode(message.substr(0, piece), &data);
    message.remove_prefix(std::min(piece, message.size()));
  }
  encoder.Finish(&data);
  return data;
}

TEST(MessageEncoderTest, LinesOfAPipeEndInCrlf) {
  EXPECT_EQ(Encoded("Subject: a\n\nb\n"), "Subject: a\r\n\r\nb\r\n.\r\n");
}

TEST(MessageEncoderTest, LinesThatEndInCrlfStayAsTheyAre) {
  EXPECT_EQ(Encoded("a\r\nb\nc\r\n"), "a\r\nb\r\nc\r\n.\r\n");
}

TEST(MessageEncoderTest, ABareCrAndANulStay) {
  EXPECT_EQ(Encoded(std::string_view("a\rb\0c\r\rd\n", 9)),
            std::string("a\rb\0c\r\rd\r\n.\r\n", 13));
}

TEST(MessageEncoderTest, ALastLineWithoutAnEndGetsOne) {
  EXPECT_EQ(Encoded("a"), "a\r\n.\r\n");
  EXPECT_EQ(Encoded("a\r"), "a\r\r\n.\r\n");
}

TEST(MessageEncoderTest, AnEmptyMessageStaysEmpty) { EXPECT_EQ(Encoded(""), ".\r\n"); }

TEST(MessageEncoderTest, DotsAtTheBeginningOfLinesAreDoubled) {
  EXPECT_EQ(Encoded(".\n..\na.\n.b"), "..\r\n...\r\na.\r\n..b\r\n.\r\n");
}

TEST(MessageEncoderTest, NothingInAMessageEndsIt) {
  for (const std::string message : {"a\n.\nb", "a\n.\r\nb", "a\r\n.\r\nb", "a\r\n.\nb"}) {
    EXPECT_EQ(Encoded(message), "a\r\n..\r\nb\r\n.\r\n");
  }
  EXPECT_EQ(Encoded("a\r.\rb"), "a\r.\rb\r\n.\r\n");
}

TEST(MessageEncoderTest, PiecesMakeNoDifference) {
  const std::string message = ".a\r\n\r\n.\n..\r\rb\r\n.\rc\n\n.";
  for (const size_t piece : {1, 2, 3, 5}) EXPECT_EQ(Encoded(message, piece), Encoded(message));
}

TEST(FromLineTest, IsTheFirstLineOfAnMbox) {
  const std::string_view line = "From ann@example.org  Sat Nov 28 05:00:00 2026\n";
  EXPECT_EQ(FromLineLength(std::string(line) + "Subject: a\n"), line.size());
  EXPECT_EQ(FromLineSender(line), "ann@example.org");
  EXPECT_EQ(FromLineSender("From \n"), "");
  EXPECT_EQ(FromLineSender("From ann\r\n"), "ann");
}

TEST(FromLineTest, IsNothingElse) {
  EXPECT_EQ(FromLineLength("From: ann@example.org\n"), 0u);
  EXPECT_EQ(FromLineLength(">From ann\n"), 0u);
  EXPECT_EQ(FromLineLength("From ann without an end"), 0u);
  EXPECT_EQ(FromLineLength(""), 0u);
}

}  // namespace
}  // namespace restante::deliver
