#include "plugins/lmtpd/input_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "plugins/lmtpd/command.h"

namespace restante::lmtp {
namespace {

// As a socket does: as much as there is room for, and the number taken.
size_t Put(InputBuffer& input, std::string_view octets) {
  const InputBuffer::Room room = input.Space();
  const size_t size = std::min(room.size, octets.size());
  octets.copy(room.data, size);
  input.Commit(size);
  return size;
}

TEST(InputBufferTest, GivesLinesWithoutTheirEnds) {
  InputBuffer input;
  Put(input, "one\r\ntwo\nthree");
  std::string_view line;
  ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kReady);
  EXPECT_EQ(line, "one");
  input.ConsumeLine();
  ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kReady);
  EXPECT_EQ(line, "two");
  input.ConsumeLine();
  EXPECT_EQ(input.PeekLine(&line), InputBuffer::Line::kNone);
  Put(input, "\r\n");
  ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kReady);
  EXPECT_EQ(line, "three");
}

TEST(InputBufferTest, ShowsTheSameLineUntilItIsConsumed) {
  InputBuffer input;
  Put(input, "one\r\ntwo\r\n");
  std::string_view line;
  input.PeekLine(&line);
  ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kReady);
  EXPECT_EQ(line, "one");
}

TEST(InputBufferTest, PutsLinesTogetherThatComeOctetByOctet) {
  InputBuffer input;
  std::string_view line;
  const std::string text = "MAIL FROM:<>\r\n";
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    Put(input, text.substr(i, 1));
    ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kNone);
  }
  Put(input, "\n");
  ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kReady);
  EXPECT_EQ(line, "MAIL FROM:<>");
}

TEST(InputBufferTest, TakesTheLongestLineAndRefusesOneMoreOctet) {
  for (const size_t octets : {kMaxCommandOctets, kMaxCommandOctets + 1}) {
    InputBuffer input;
    const std::string text = std::string(octets - 2, 'x') + "\r\n";
    for (size_t at = 0; at < text.size();) at += Put(input, text.substr(at));
    std::string_view line;
    EXPECT_EQ(input.PeekLine(&line), octets == kMaxCommandOctets ? InputBuffer::Line::kReady
                                                                 : InputBuffer::Line::kTooLong);
  }
}

TEST(InputBufferTest, SkipsALineOfAnyLengthAndUnderstandsTheNext) {
  InputBuffer input;
  std::string_view line;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(Put(input, std::string(4096, 'x')), 4096u);
    ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kNone);
    ASSERT_TRUE(input.content().empty());
  }
  Put(input, "x\r\nNOOP\r\n");
  ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kTooLong);
  input.ConsumeLine();
  ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kReady);
  EXPECT_EQ(line, "NOOP");
}

TEST(InputBufferTest, AlwaysHasRoomForALine) {
  InputBuffer input;
  std::string_view line;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_GE(input.Space().size, kMaxCommandOctets);
    Put(input, std::string(static_cast<size_t>(i % 1500), 'x') + "\r\npart");
    ASSERT_EQ(input.PeekLine(&line), InputBuffer::Line::kReady);
    input.ConsumeLine();
  }
}

}  // namespace
}  // namespace restante::lmtp
