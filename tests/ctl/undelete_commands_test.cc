// Points in time, as operators give them.
#include "storage-service/ctl/undelete_commands.h"

#include <gtest/gtest.h>

namespace restante::ctl {
namespace {

TEST(ParseSince, TakesPointsInTimeAndHowLongAgo) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(ParseSince("2023-11-14T00:00:00Z", now), absl::FromUnixSeconds(1'699'920'000));
  EXPECT_EQ(ParseSince("2023-11-14T01:00:00+01:00", now), absl::FromUnixSeconds(1'699'920'000));
  EXPECT_EQ(ParseSince("2023-11-14", now), absl::FromUnixSeconds(1'699'920'000));
  EXPECT_EQ(ParseSince("2023-11-14 00:01", now), absl::FromUnixSeconds(1'699'920'060));
  EXPECT_EQ(ParseSince("2h", now), now - absl::Hours(2));
  EXPECT_EQ(ParseSince("yesterday", now), std::nullopt);
  EXPECT_EQ(ParseSince("", now), std::nullopt);
}

}  // namespace
}  // namespace restante::ctl
