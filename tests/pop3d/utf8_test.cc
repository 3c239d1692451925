#include "pop3d/utf8.h"

#include <gtest/gtest.h>

namespace restante::pop3 {
namespace {

TEST(Utf8Test, AcceptsEverythingThatIsUtf8) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("plain"));
  EXPECT_TRUE(IsUtf8(absl::string_view("nul\0", 4)));
  EXPECT_TRUE(IsUtf8("caff\xc3\xa8"));
  EXPECT_TRUE(
      IsUtf8("\xe2\x82\xac \xf0\x9f\x93\xac \xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf"));
}

TEST(Utf8Test, RefusesWhatIsNot) {
  for (const absl::string_view octets :
       {"\x80", "\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xe2\x82",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
        "caff\xe8"}) {
    EXPECT_FALSE(IsUtf8(octets));
  }
}

}  // namespace
}  // namespace restante::pop3
