#include "storage-service/ctl/format.h"

#include <gtest/gtest.h>

#include <limits>

namespace restante::ctl {
namespace {

TEST(FormatOctets, IsExactAndReadable) {
  EXPECT_EQ(FormatOctets(0), "0");
  EXPECT_EQ(FormatOctets(1023), "1023");
  EXPECT_EQ(FormatOctets(1024), "1024 (1.0 KiB)");
  EXPECT_EQ(FormatOctets(1536), "1536 (1.5 KiB)");
  EXPECT_EQ(FormatOctets(1572864), "1572864 (1.5 MiB)");
  EXPECT_EQ(FormatOctets((1 << 20) - 1), "1048575 (1.0 MiB)");
  EXPECT_EQ(FormatOctets(std::numeric_limits<uint64_t>::max()),
            "18446744073709551615 (16.0 EiB)");
}

TEST(FormatQuota, SaysNoneForNoLimit) {
  EXPECT_EQ(FormatQuota(0), "none");
  EXPECT_EQ(FormatQuota(5), "5");
}

TEST(FormatTime, IsRfc3339InUtc) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(FormatTime(time), "");
  time.set_seconds(1769860800);
  time.set_nanos(999'999'999);
  EXPECT_EQ(FormatTime(time), "2026-01-31T12:00:00Z");
}

TEST(Printable, LeavesTextAndEscapesControls) {
  EXPECT_EQ(Printable("Grüße 🌷"), "Grüße 🌷");
  EXPECT_EQ(Printable("\x1b[31m\x7f\r\n"), "\\x1b[31m\\x7f\\x0d\\x0a");
  EXPECT_EQ(Printable("a\u009bb"), "a\\xc2\\x9bb");
  EXPECT_EQ(Printable("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(Printable(absl::string_view("a\0b", 3)), "a\\x00b");
}

TEST(Printable, KeepsWhatItIsToldToKeep) {
  EXPECT_EQ(Printable("a\tb\nc\r", "\n\t"), "a\tb\nc\\x0d");
}

}  // namespace
}  // namespace restante::ctl
