#include "storage-service/ctl/import_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace restante::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ImportFile, ReadsPasswordsAndHashes) {
  const ImportFile file = ParseImport("a@x\tsecret\nb\t{CRYPT}$6$s$h\nc\t{crypt}$1$s$h");
  EXPECT_THAT(file.problems, IsEmpty());
  ASSERT_THAT(file.entries, SizeIs(3));
  EXPECT_EQ(file.entries[0].address(), "a@x");
  EXPECT_EQ(file.entries[0].credential().password(), "secret");
  EXPECT_EQ(file.entries[1].credential().crypt_hash(), "$6$s$h");
  EXPECT_EQ(file.entries[2].credential().crypt_hash(), "$1$s$h");
  EXPECT_THAT(file.lines, ElementsAre(1, 2, 3));
}

TEST(ImportFile, TakesAPasswordAsItIs) {
  const ImportFile file =
      ParseImport("a\t with space \nb\twith\ttab\nc\t#{x\r\nd\t{no scheme}\n");
  EXPECT_THAT(file.problems, IsEmpty());
  ASSERT_THAT(file.entries, SizeIs(4));
  EXPECT_EQ(file.entries[0].credential().password(), " with space ");
  EXPECT_EQ(file.entries[1].credential().password(), "with\ttab");
  EXPECT_EQ(file.entries[2].credential().password(), "#{x");
  EXPECT_EQ(file.entries[3].credential().password(), "{no scheme}");
}

TEST(ImportFile, TakesAnyPasswordAfterPlain) {
  const ImportFile file = ParseImport("a\t{PLAIN}{CRYPT}x\n");
  ASSERT_THAT(file.entries, SizeIs(1));
  EXPECT_EQ(file.entries[0].credential().password(), "{CRYPT}x");
}

TEST(ImportFile, PassesOverBlankLinesAndCommentsAndStillCountsThem) {
  const ImportFile file = ParseImport("# who\n\n  \r\na\tx\n#b\ty\nc\tz\n");
  EXPECT_THAT(file.problems, IsEmpty());
  EXPECT_THAT(file.lines, ElementsAre(4, 6));
}

TEST(ImportFile, OfNothingHasNoEntries) {
  EXPECT_THAT(ParseImport("").entries, IsEmpty());
  EXPECT_THAT(ParseImport("\n").problems, IsEmpty());
}

struct Wrong {
  std::string line;
  const char* why;

  friend void PrintTo(const Wrong& self, std::ostream* out) { *out << self.why; }
};

class WrongLine : public testing::TestWithParam<Wrong> {};

TEST_P(WrongLine, IsNamedByItsNumber) {
  const ImportFile file = ParseImport("a\tx\n" + GetParam().line + "\nb\ty\n");
  ASSERT_THAT(file.problems, SizeIs(1));
  EXPECT_EQ(file.problems[0].line, 2u);
  EXPECT_THAT(file.problems[0].message, HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(Table, WrongLine,
                         testing::Values(Wrong{"no tab", "no tab"}, Wrong{"\tx", "no address"},
                                         Wrong{"a\t", "no password"},
                                         Wrong{"a\t{SSHA512}abc", "{SSHA512}"},
                                         Wrong{"a\t{ARGON2ID}abc", "{ARGON2ID}"},
                                         Wrong{"a\tcaf\xe9", "UTF-8"}));

TEST(ImportFile, TellsAtMostAHundredWrongLines) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "wrong\n";
  const ImportFile file = ParseImport(text);
  EXPECT_THAT(file.problems, SizeIs(100));
  EXPECT_EQ(file.problems.back().line, 100u);
}

TEST(ImportFile, ThatCannotBeReadIsNamed) {
  const auto missing = ReadWhole("/nonexistent.tsv", 0);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/nonexistent.tsv"));
  const auto directory = ReadWhole("/", 0);
  EXPECT_THAT(std::string(directory.status().message()), HasSubstr("directory"));
}

}  // namespace
}  // namespace restante::ctl
