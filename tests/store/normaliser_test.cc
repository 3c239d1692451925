#include "storage-service/store/normaliser.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace restante::store {
namespace {

using std::string_literals::operator""s;

struct Measured {
  std::string octets;
  uint64_t header = 0;
  bool dot = false;
  friend bool operator==(const Measured&, const Measured&) = default;
};

Measured Normalise(const std::vector<std::string>& pieces) {
  Normaliser normaliser;
  Measured measured;
  for (const std::string& piece : pieces) normaliser.Feed(piece, measured.octets);
  normaliser.Finish(measured.octets);
  EXPECT_EQ(normaliser.octets(), measured.octets.size());
  measured.header = normaliser.header_octets();
  measured.dot = normaliser.has_dot_line();
  return measured;
}

// The rule in its plainest form, octet by octet.
Measured ByTheRule(const std::string& message) {
  Measured measured;
  std::string& out = measured.octets;
  for (size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '\n' && (i == 0 || message[i - 1] != '\r')) out += '\r';
    out += message[i];
  }
  if (!out.empty() && out.back() != '\n') out += "\r\n";
  size_t line = 0;
  measured.header = out.size();
  bool in_header = true;
  while (line < out.size()) {
    const size_t end = out.find('\n', line) + 1;
    if (out[line] == '.') measured.dot = true;
    if (in_header && end - line == 2) {
      measured.header = end;
      in_header = false;
    }
    line = end;
  }
  return measured;
}

TEST(Normaliser, LeavesWhatIsInNormalForm) {
  const std::string message = "Subject: x\r\n\r\nbody\r\n";
  EXPECT_EQ(Normalise({message}).octets, message);
}

TEST(Normaliser, MakesABareLfACrlf) {
  EXPECT_EQ(Normalise({"a: b\n\nc\n"}).octets, "a: b\r\n\r\nc\r\n");
}

TEST(Normaliser, AddsTheMissingLastCrlf) {
  EXPECT_EQ(Normalise({"a: b\r\n\r\nc"}).octets, "a: b\r\n\r\nc\r\n");
}

TEST(Normaliser, KeepsBareCrAndNul) {
  EXPECT_EQ(Normalise({"a\rb\r\r\n\0\r\n"s}).octets, "a\rb\r\r\n\0\r\n"s);
}

TEST(Normaliser, AddsACrlfAfterALastBareCr) { EXPECT_EQ(Normalise({"a\r"}).octets, "a\r\r\n"); }

TEST(Normaliser, LeavesAnEmptyMessageEmpty) {
  EXPECT_EQ(Normalise({}).octets, "");
  EXPECT_EQ(Normalise({"", ""}).octets, "");
}

TEST(Normaliser, CountsTheHeaderWithItsBlankLine) {
  EXPECT_EQ(Normalise({"a: b\r\n\r\nbody\r\n\r\nmore\r\n"}).header, 8u);
}

TEST(Normaliser, CountsAMessageWithoutABlankLineAsHeader) {
  EXPECT_EQ(Normalise({"a: b\r\nc: d\r\n"}).header, 12u);
}

TEST(Normaliser, TakesALeadingBlankLineForAnEmptyHeader) {
  EXPECT_EQ(Normalise({"\r\nbody\r\n"}).header, 2u);
}

TEST(Normaliser, DoesNotTakeABareCrForABlankLine) {
  EXPECT_EQ(Normalise({"a: b\r\n\r\r\nbody\r\n"}).header, 15u);
}

TEST(Normaliser, SeesADotOnlyAtTheBeginningOfALine) {
  EXPECT_TRUE(Normalise({".a\r\n"}).dot);
  EXPECT_TRUE(Normalise({"a\r\n", ".\r\n"}).dot);
  EXPECT_FALSE(Normalise({"a", ".b\r\n"}).dot);
  EXPECT_FALSE(Normalise({"a\r.b\r\n"}).dot);
}

TEST(Normaliser, ComesToTheSameAtAnyTwoBorders) {
  for (const std::string& message :
       {"a: b\n.c\r\n\r\n\n.\r\r\n\rx"s, "\r\n\r\n"s, "\n"s, "\r"s, "a\r\n\r"s, "\0\n.\0\r"s}) {
    const Measured expected = ByTheRule(message);
    for (size_t i = 0; i <= message.size(); ++i) {
      for (size_t j = i; j <= message.size(); ++j) {
        const Measured measured =
            Normalise({message.substr(0, i), message.substr(i, j - i), message.substr(j)});
        EXPECT_EQ(measured, expected) << "borders at " << i << " and " << j;
      }
    }
  }
}

TEST(Normaliser, AgreesWithTheRuleOnRandomMessages) {
  std::mt19937 random(20260101);
  const std::string alphabet = "ab.\r\n\n\r\0:"s;
  for (int round = 0; round < 3000; ++round) {
    std::string message;
    std::vector<std::string> pieces(1);
    for (size_t length = random() % 30; message.size() < length;) {
      const char octet = alphabet[random() % alphabet.size()];
      message += octet;
      pieces.back() += octet;
      if (random() % 4 == 0) pieces.emplace_back();
    }
    EXPECT_EQ(Normalise(pieces), ByTheRule(message)) << "round " << round;
  }
}

TEST(Normaliser, ChangesNothingTheSecondTime) {
  const std::string once = Normalise({"a\n.b\rc\r\n\nd"}).octets;
  EXPECT_EQ(Normalise({once}).octets, once);
}

}  // namespace
}  // namespace restante::store
