#include "storage-service/store/top_part.h"

#include <gtest/gtest.h>

#include <string>

namespace restante::store {
namespace {

constexpr char kTopHeader[] = "Subject: x\r\nFrom: y\r\n\r\n";

std::string Top(const std::string& message, uint64_t header_octets, uint64_t lines,
                size_t piece) {
  TopCutter cutter(header_octets, lines);
  std::string out;
  for (size_t at = 0; at < message.size() && !cutter.done(); at += piece) {
    const std::string next = message.substr(at, piece);
    out += next.substr(0, cutter.Take(next));
  }
  return out;
}

TEST(TopPart, IsTheHeaderTheBlankLineAndSomeLinesWhateverThePieces) {
  const std::string header = kTopHeader;
  const std::string message = header + "one\r\n\r\nthree\r\n";
  for (size_t piece = 1; piece <= message.size(); ++piece) {
    EXPECT_EQ(Top(message, header.size(), 0, piece), header);
    EXPECT_EQ(Top(message, header.size(), 1, piece), header + "one\r\n");
    EXPECT_EQ(Top(message, header.size(), 2, piece), header + "one\r\n\r\n");
    EXPECT_EQ(Top(message, header.size(), 3, piece), message);
  }
}

TEST(TopPart, OfMoreLinesThanThereAreIsTheWholeMessage) {
  const std::string message = std::string(kTopHeader) + "one\r\n";
  EXPECT_EQ(Top(message, message.size() - 5, 1'000'000'000'000, 7), message);
}

TEST(TopPart, OfAHeaderOnlyMessageIsTheMessage) {
  const std::string message = "Subject: x\r\n";
  EXPECT_EQ(Top(message, message.size(), 0, 5), message);
  EXPECT_EQ(Top(message, message.size(), 9, 5), message);
}

TEST(TopPart, DoesNotCountHeaderLines) {
  const std::string header = kTopHeader;
  EXPECT_EQ(Top(header + "a\r\nb\r\n", header.size(), 1, 100), header + "a\r\n");
}

TEST(TopPart, IsDoneAsSoonAsNothingMoreBelongsToIt) {
  TopCutter cutter(4, 1);
  EXPECT_FALSE(cutter.done());
  EXPECT_EQ(cutter.Take("ab\r\n"), 4u);
  EXPECT_FALSE(cutter.done());
  EXPECT_EQ(cutter.Take("c\r\nd\r\n"), 3u);
  EXPECT_TRUE(cutter.done());
  EXPECT_EQ(cutter.Take("e\r\n"), 0u);
}

}  // namespace
}  // namespace restante::store
