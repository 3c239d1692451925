#include "storage-service/store/header_downgrade.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage-service/store/normaliser.h"
#include "tests/store/decode_words.h"

namespace restante::store {
namespace {

using std::string_literals::operator""s;

struct Surrogate {
  std::string header;
  bool needed = false;
  friend bool operator==(const Surrogate&, const Surrogate&) = default;
};

Surrogate Downgrade(const std::vector<std::string>& pieces) {
  HeaderDowngrade downgrade;
  for (const std::string& piece : pieces) downgrade.Feed(piece);
  downgrade.Finish();
  return {downgrade.header(), downgrade.needed()};
}

std::string Normal(const std::string& message, uint64_t* header_octets = nullptr) {
  Normaliser normaliser;
  std::string out;
  normaliser.Feed(message, out);
  normaliser.Finish(out);
  if (header_octets != nullptr) *header_octets = normaliser.header_octets();
  return out;
}

bool HasOnlyAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; });
}

bool HasDotLine(const std::string& text) {
  return absl::StartsWith(text, ".") || absl::StrContains(text, "\r\n.");
}

// What holds for the surrogate of any message.
void ExpectLegal(const std::string& message) {
  uint64_t header_octets = 0;
  const std::string normal = Normal(message, &header_octets);
  const std::string header = normal.substr(0, header_octets);
  const Surrogate surrogate = Downgrade({normal});
  EXPECT_EQ(surrogate.needed, !HasOnlyAscii(header));
  if (!surrogate.needed) {
    EXPECT_EQ(surrogate.header, "");
    return;
  }
  EXPECT_TRUE(HasOnlyAscii(surrogate.header));
  EXPECT_LE(surrogate.header.size(), HeaderDowngrade::kMostHeaderOctets + 2);
  // It ends where the message's ends, and has the same blank line or none.
  EXPECT_EQ(absl::EndsWith(surrogate.header, "\r\n"), true);
  uint64_t again = 0;
  EXPECT_EQ(Normal(surrogate.header + "body", &again), surrogate.header + "body\r\n");
  const bool blank = header == "\r\n" || absl::EndsWith(header, "\r\n\r\n");
  EXPECT_EQ(again, blank ? surrogate.header.size() : surrogate.header.size() + 6);
  EXPECT_EQ(HasDotLine(surrogate.header), HasDotLine(header));
  // A second time there is nothing to do.
  EXPECT_FALSE(Downgrade({surrogate.header}).needed);
  // Pieces make no difference.
  for (const size_t octets : {1, 2, 7, 61}) {
    std::vector<std::string> pieces;
    for (size_t at = 0; at < normal.size(); at += octets) {
      pieces.push_back(normal.substr(at, octets));
    }
    if (normal.size() / octets > 100'000) continue;
    EXPECT_EQ(Downgrade(pieces), surrogate) << "in pieces of " << octets;
  }
}

TEST(HeaderDowngrade, ChangesOnlyFieldsThatAreNotAscii) {
  EXPECT_EQ(Downgrade({"From:  a@b\r\nSubject: è\r\nX:y \r\n\r\nbödy\r\n"}).header,
            "From:  a@b\r\nSubject: =?UTF-8?B?w6g=?=\r\nX:y \r\n\r\n");
}

TEST(HeaderDowngrade, IsNotNeededForAnAsciiHeader) {
  EXPECT_EQ(Downgrade({"Subject: x\r\n\r\nbödy\r\n"}), Surrogate{});
  EXPECT_EQ(Downgrade({""}), Surrogate{});
}

TEST(HeaderDowngrade, AMessageWithoutABlankLineIsAllHeader) {
  EXPECT_EQ(Downgrade({"Subject: è\r\n"}).header, "Subject: =?UTF-8?B?w6g=?=\r\n");
}

TEST(HeaderDowngrade, AFieldThatIsTooLongGetsQuestionMarks) {
  const std::string rest(HeaderDowngrade::kMostFieldOctets, 'a');
  EXPECT_TRUE(Downgrade({"A: b\r\nX: è", rest, "\r\nC: è\r\n\r\n"}).header ==
              absl::StrCat("A: b\r\nX: ??", rest, "\r\nC: =?UTF-8?B?w6g=?=\r\n\r\n"));
}

TEST(HeaderDowngrade, FieldsBeyondItsBoundAreLeftOutAndTheBlankLineStays) {
  std::string header = "Subject: è\r\n";
  const std::string field = absl::StrCat("X: ", std::string(60'000, 'a'), "\r\n");
  for (int i = 0; i < 20; ++i) header += field;
  std::string expected = "Subject: =?UTF-8?B?w6g=?=\r\n";
  for (int i = 0; i < 4; ++i) expected += field;
  EXPECT_TRUE(Downgrade({header, "\r\nbody\r\n"}).header == expected + "\r\n");
  // A single one that is larger than all of it.
  const std::string huge =
      "Subject: è\r\nX: "s + std::string(500'000, 'a') + "\r\nY: z\r\n\r\n";
  EXPECT_EQ(Downgrade({huge}).header, "Subject: =?UTF-8?B?w6g=?=\r\n\r\n");
  ExpectLegal(huge);
}

TEST(HeaderDowngrade, EachMessageOfTheTestsHasALegalSurrogate) {
  for (const auto& entry :
       std::filesystem::directory_iterator(RESTANTE_SOURCE_DIR "/tests/data")) {
    if (entry.path().extension() != ".eml") continue;
    SCOPED_TRACE(entry.path().filename().string());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string message{std::istreambuf_iterator<char>(file), {}};
    ExpectLegal(message);
    ExpectLegal("X-Note: è\r\n" + message);
  }
}

TEST(HeaderDowngrade, RandomHeadersHaveALegalSurrogate) {
  const std::vector<std::string> atoms = {"From",
                                          "To",
                                          "Subject",
                                          "Received",
                                          "Content-Type",
                                          "Message-ID",
                                          ":",
                                          ": ",
                                          "\r\n",
                                          "\r\n ",
                                          "\n",
                                          "\r",
                                          "è",
                                          "日本",
                                          "😀",
                                          "\xC3",
                                          "\xFF",
                                          "\0"s,
                                          "<",
                                          ">",
                                          "@",
                                          ",",
                                          ";",
                                          "\"",
                                          "(",
                                          ")",
                                          "[",
                                          "]",
                                          "\\",
                                          "=",
                                          "*",
                                          "a",
                                          "bcd",
                                          " ",
                                          "\t",
                                          ".",
                                          "=?UTF-8?Q?a?=",
                                          "for",
                                          "id",
                                          "name",
                                          "example.org",
                                          "\r\n.",
                                          "\x7F"};
  std::mt19937 random(20260301);
  for (int round = 0; round < 4000; ++round) {
    std::string message;
    for (size_t count = random() % 40; count > 0; --count) {
      message += atoms[random() % atoms.size()];
    }
    SCOPED_TRACE(absl::StrCat("round ", round));
    ExpectLegal(message);
    if (HasFailure()) break;
  }
}

TEST(HeaderDowngrade, FreeTextCanBeReadBack) {
  const std::vector<std::string> words = {
      "è",     "日本語", "😀😀",
      "plain", "a_b",    "=x",
      "?=",    "(",      "so-long-a-word-that-lines-must-be-broken-before-it"};
  std::mt19937 random(20260302);
  for (int round = 0; round < 2000; ++round) {
    std::string text = "ö";
    for (size_t count = random() % 30; count > 0; --count) {
      absl::StrAppend(&text, random() % 5 == 0 ? "  " : " ", words[random() % words.size()]);
    }
    const std::string header =
        Downgrade({absl::StrCat("X-Subject: ", text, "\r\n\r\n")}).header;
    EXPECT_LE(LongestLine(header), 76u);
    EXPECT_EQ(DecodeWords(TextOf(header)), text) << header;
  }
}

}  // namespace
}  // namespace restante::store
