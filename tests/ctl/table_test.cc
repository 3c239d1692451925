#include "storage-service/ctl/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace restante::ctl {
namespace {

TEST(Table, AlignsItsColumns) {
  Table table({{"NAME"}, {"SIZE", Table::Align::kRight}, {"NOTE"}});
  table.Add({"ada@example.org", "5", "x"});
  table.Add({"bo", "12345", ""});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "NAME              SIZE  NOTE\n"
            "ada@example.org      5  x\n"
            "bo               12345\n");
}

TEST(Table, CountsWhatATerminalShows) {
  Table table({{"NAME"}, {"N"}});
  table.Add({"jörg", "1"});
  table.Add({"ユー", "2"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "NAME  N\njörg  1\nユー  2\n");
}

TEST(Table, ShowsNoControlCharacters) {
  Table table({{"NAME"}});
  table.Add({"a\x1b[2J\n"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(), "NAME\na\\x1b[2J\\x0a\n");
}

}  // namespace
}  // namespace restante::ctl
