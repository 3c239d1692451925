// Spellings of durations, sizes and enum words.
#include "common/config_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config.h"
#include "common/config.pb.h"

namespace restante {
namespace {

using ::testing::ElementsAre;

TEST(ConfigDurationTest, TakesUnitsFromNanosecondsToDays) {
  EXPECT_EQ(ParseConfigDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(ParseConfigDuration("10s"), absl::Seconds(10));
  EXPECT_EQ(ParseConfigDuration("1.5s"), absl::Milliseconds(1500));
  EXPECT_EQ(ParseConfigDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(ParseConfigDuration("7d"), absl::Hours(168));
  EXPECT_EQ(ParseConfigDuration("1d12h"), absl::Hours(36));
  EXPECT_EQ(ParseConfigDuration("0s"), absl::ZeroDuration());
}

TEST(ConfigDurationTest, RefusesWhatHasNoUnitOrNoEnd) {
  for (const char* text : {"", "10", "s", "-1s", "+1s", "1d-1s", "inf", "-inf", "1x", "1s ",
                           "d", "1.5d", "99999999999999999999d", "9999999999999999999h"}) {
    EXPECT_EQ(ParseConfigDuration(text), std::nullopt) << text;
  }
}

TEST(ConfigDurationTest, PrintsWhatItTakes) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Milliseconds(1), absl::Seconds(90), absl::Hours(24),
        absl::Hours(25), absl::Hours(24 * 365)}) {
    EXPECT_EQ(ParseConfigDuration(FormatConfigDuration(duration)), duration);
  }
  EXPECT_EQ(FormatConfigDuration(absl::Hours(48)), "2d");
  EXPECT_EQ(FormatConfigDuration(absl::Minutes(90)), "1h30m");
}

TEST(ConfigDurationTest, SurvivesTheProtobufForm) {
  for (const absl::Duration duration : {absl::Nanoseconds(1), absl::Milliseconds(1500)}) {
    EXPECT_EQ(FromProto(ToProto(duration)), duration);
  }
}

TEST(ConfigOctetsTest, TakesBinaryAndDecimalUnits) {
  EXPECT_EQ(ParseConfigOctets("0"), 0u);
  EXPECT_EQ(ParseConfigOctets("1024"), 1024u);
  EXPECT_EQ(ParseConfigOctets("12B"), 12u);
  EXPECT_EQ(ParseConfigOctets("64KiB"), 65536u);
  EXPECT_EQ(ParseConfigOctets("64 KiB"), 65536u);
  EXPECT_EQ(ParseConfigOctets("100MB"), 100'000'000u);
  EXPECT_EQ(ParseConfigOctets("1kB"), 1000u);
  EXPECT_EQ(ParseConfigOctets("1.5GiB"), 1610612736u);
}

TEST(ConfigOctetsTest, RefusesFractionsOfOctetsAndOverflow) {
  for (const char* text : {"", "KiB", "-1", "+1", "1.5", "1.", ".5KiB", "1.0000001KiB", "1e6",
                           "64kib", "16777216TiB", "18446744073709551616"}) {
    EXPECT_EQ(ParseConfigOctets(text), std::nullopt) << text;
  }
}

TEST(ConfigOctetsTest, PrintsTheLargestUnitThatFits) {
  EXPECT_EQ(FormatConfigOctets(0), "0");
  EXPECT_EQ(FormatConfigOctets(1000), "1000");
  EXPECT_EQ(FormatConfigOctets(65536), "64KiB");
  EXPECT_EQ(FormatConfigOctets(1ull << 40), "1TiB");
}

TEST(ConfigEnumTest, WordsAreLowerCaseWithoutThePrefix) {
  EXPECT_THAT(EnumWords(*config::LogLevel_descriptor()),
              ElementsAre("debug", "info", "warning", "error"));
}

TEST(ConfigNearestTest, FindsTheLikelyWordAndNoUnlikelyOne) {
  EXPECT_EQ(Nearest("lisen", {"log", "listen"}), "listen");
  EXPECT_EQ(Nearest("zebra", {"log", "listen"}), std::nullopt);
}

}  // namespace
}  // namespace restante
