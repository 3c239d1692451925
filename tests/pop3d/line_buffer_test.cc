#include "pop3d/line_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace restante::pop3 {
namespace {

void Receive(absl::string_view octets, LineBuffer* buffer) {
  while (!octets.empty()) {
    const absl::Span<char> space = buffer->Space();
    const size_t size = std::min(space.size(), octets.size());
    std::memcpy(space.data(), octets.data(), size);
    buffer->Received(size);
    octets.remove_prefix(size);
  }
}

// All lines that can be had now; "!" for one that is too long.
std::vector<std::string> Lines(LineBuffer* buffer, LineLimit limit = LineLimit::kCommand) {
  std::vector<std::string> lines;
  while (true) {
    const Line line = buffer->Next(limit);
    if (line.kind == Line::Kind::kNone) return lines;
    lines.push_back(line.kind == Line::Kind::kTooLong ? "!" : std::string(line.text));
  }
}

using Strings = std::vector<std::string>;

TEST(LineBufferTest, GivesLinesOfOneSegment) {
  LineBuffer buffer;
  Receive("STAT\r\nLIST 1\r\nNO", &buffer);
  EXPECT_EQ(Lines(&buffer), (Strings{"STAT", "LIST 1"}));
  EXPECT_TRUE(buffer.InsideLine());
  Receive("OP\r\n", &buffer);
  EXPECT_EQ(Lines(&buffer), Strings{"NOOP"});
  EXPECT_FALSE(buffer.InsideLine());
}

TEST(LineBufferTest, GivesLinesThatComeOctetByOctet) {
  LineBuffer buffer;
  Strings lines;
  for (const char octet : std::string("STAT\r\n\r\nNOOP\r\n")) {
    Receive(std::string(1, octet), &buffer);
    for (std::string& line : Lines(&buffer)) lines.push_back(std::move(line));
  }
  EXPECT_EQ(lines, (Strings{"STAT", "", "NOOP"}));
}

TEST(LineBufferTest, TakesABareLfAsLineEndAndABareCrAsOctet) {
  LineBuffer buffer;
  Receive("STAT\nA\rB\r\n", &buffer);
  EXPECT_EQ(Lines(&buffer), (Strings{"STAT", "A\rB"}));
}

TEST(LineBufferTest, TakesALineOf255OctetsAndNoLonger) {
  LineBuffer buffer;
  const std::string longest(253, 'x');
  Receive(absl::StrCat(longest, "\r\n", longest, "y\r\nSTAT\r\n"), &buffer);
  EXPECT_EQ(Lines(&buffer), (Strings{longest, "!", "STAT"}));
}

TEST(LineBufferTest, ReportsALineOnceThatIsTooLongAndKeepsNothingOfIt) {
  LineBuffer buffer;
  Strings lines;
  const std::string segment(1000, 'x');
  for (int i = 0; i < 10'000; ++i) {
    Receive(segment, &buffer);
    for (std::string& line : Lines(&buffer)) lines.push_back(std::move(line));
  }
  EXPECT_TRUE(buffer.InsideLine());
  Receive("\r\nSTAT\r\n", &buffer);
  for (std::string& line : Lines(&buffer)) lines.push_back(std::move(line));
  EXPECT_EQ(lines, (Strings{"!", "STAT"}));
  EXPECT_LE(buffer.CapacityForTest(), 8192u);
}

TEST(LineBufferTest, FindsTheSameLinesAtEverySplit) {
  const std::string octets = absl::StrCat("STAT\r\n", std::string(300, 'y'), "\r\nNOOP\n\r\n",
                                          std::string(254, 'z'), "\nQUIT\r\n");
  const Strings expected = {"STAT", "!", "NOOP", "", std::string(254, 'z'), "QUIT"};
  for (size_t split = 0; split <= octets.size(); ++split) {
    LineBuffer buffer;
    Receive(octets.substr(0, split), &buffer);
    Strings lines = Lines(&buffer);
    Receive(octets.substr(split), &buffer);
    for (std::string& line : Lines(&buffer)) lines.push_back(std::move(line));
    ASSERT_EQ(lines, expected) << split;
  }
}

TEST(LineBufferTest, AllowsAuthAnInitialResponseOf64KiB) {
  LineBuffer buffer;
  const std::string line = absl::StrCat("auth PLAIN ", std::string(kSaslResponseOctets, 'A'));
  Receive(absl::StrCat(line, "\r\n"), &buffer);
  const Line whole = buffer.Next(LineLimit::kCommandOrAuth);
  EXPECT_EQ(whole.text, line.substr(0, kKeptOctets));
  EXPECT_EQ(whole.octets, line.size() + 2);
  EXPECT_TRUE(whole.cut());
  Receive(absl::StrCat(line, std::string(100, 'A'), "\r\nSTAT\r\n"), &buffer);
  EXPECT_EQ(Lines(&buffer, LineLimit::kCommandOrAuth), (Strings{"!", "STAT"}));
  Receive(absl::StrCat("PASS ", std::string(300, 'A'), "\r\n"), &buffer);
  EXPECT_EQ(Lines(&buffer, LineLimit::kCommandOrAuth), Strings{"!"});
}

TEST(LineBufferTest, AllowsASaslResponseOf64KiBInSegmentsOfAnySize) {
  LineBuffer buffer;
  const std::string response(kSaslResponseOctets, 'A');
  for (size_t at = 0; at < response.size(); at += 1000) {
    Receive(response.substr(at, 1000), &buffer);
    EXPECT_EQ(Lines(&buffer, LineLimit::kSaslResponse), Strings{});
  }
  Receive("\r\n", &buffer);
  EXPECT_EQ(Lines(&buffer, LineLimit::kSaslResponse), Strings{response.substr(0, kKeptOctets)});
  buffer.Release();
  EXPECT_LE(buffer.CapacityForTest(), 512u);
}

TEST(LineBufferTest, KeepsTheBeginningOfALongResponseHoweverItIsCut) {
  for (const size_t size :
       {kKeptOctets - 2, kKeptOctets - 1, kKeptOctets, kKeptOctets + 5000}) {
    const std::string response = "AUTH PLAIN " + std::string(size - 11, 'A');
    const bool cut = size + 2 > kKeptOctets;
    const std::string kept =
        cut ? absl::StrCat(response, "\r\n").substr(0, kKeptOctets) : response;
    for (const size_t piece :
         {size_t{1}, size_t{1000}, kKeptOctets, kKeptOctets + 1, 2 * kKeptOctets}) {
      const std::string octets = absl::StrCat(response, "\r\nSTAT\r\n");
      LineBuffer buffer;
      Strings lines;
      for (size_t at = 0; at < octets.size(); at += piece) {
        Receive(octets.substr(at, piece), &buffer);
        for (std::string& line : Lines(&buffer, LineLimit::kCommandOrAuth)) {
          lines.push_back(std::move(line));
        }
      }
      EXPECT_EQ(lines, (Strings{kept, "STAT"})) << size << " in pieces of " << piece;
    }
  }
}

TEST(LineBufferTest, LetsOneLookAtWholeLinesWithoutTakingThem) {
  LineBuffer buffer;
  Receive("RETR 1\r\nRETR 2\r\nRET", &buffer);
  size_t cursor = 0;
  EXPECT_EQ(buffer.Peek(&cursor), "RETR 1");
  EXPECT_EQ(buffer.Peek(&cursor), "RETR 2");
  EXPECT_FALSE(buffer.Peek(&cursor).has_value());
  EXPECT_EQ(buffer.Next(LineLimit::kCommand).text, "RETR 1");
  cursor = 0;
  EXPECT_EQ(buffer.Peek(&cursor), "RETR 2");
}

TEST(LineBufferTest, HoldsNoMoreOfAResponseThanIsKept) {
  LineBuffer buffer;
  const std::string line = "AUTH PLAIN " + std::string(kSaslResponseOctets + 40, 'A');
  for (absl::string_view rest = line; !rest.empty();) {
    const absl::Span<char> space = buffer.Space();
    const size_t size = std::min(space.size(), rest.size());
    std::copy_n(rest.data(), size, space.data());
    buffer.Received(size);
    rest.remove_prefix(size);
    EXPECT_EQ(buffer.Next(LineLimit::kCommandOrAuth).kind, Line::Kind::kNone);
  }
  EXPECT_LE(buffer.CapacityForTest(), kKeptOctets + 4096);
}

}  // namespace
}  // namespace restante::pop3
