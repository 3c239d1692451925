// What other servers' lists say of UIDLs. The formats' examples were checked against
// Dovecot 2.3 and Courier's source; tests/e2e/import_test.py asks Dovecot itself.
#include "storage-service/ctl/transfer/old_uidls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace restante::ctl {
namespace {

using testing::HasSubstr;

std::string Expand(const std::string& format) {
  const absl::StatusOr<UidlFormat> parsed = UidlFormat::Parse(format);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? parsed->Expand(1, 1795462950, "1700000001.M1P1.host", "0aBc") : "";
}

TEST(UidlFormat, ExpandsWhatDovecotExpands) {
  EXPECT_EQ(Expand("%08Xu%08Xv"), "000000016b049726");
  EXPECT_EQ(Expand("%v-%u"), "1795462950-1");
  EXPECT_EQ(Expand("%f"), "1700000001.M1P1.host");
  EXPECT_EQ(Expand("%g"), "0aBc");
  EXPECT_EQ(Expand("UID%u-%v"), "UID1-1795462950");
  EXPECT_EQ(Expand("%5u.%v"), "1.1795462950");
  EXPECT_EQ(Expand("%3v.%u"), "179.1");
  EXPECT_EQ(Expand("%05u"), "00001");
  EXPECT_EQ(Expand("%XUv%u"), "6B0497261");
  EXPECT_EQ(Expand("%Lg%Ug"), "0abc0ABC");
  EXPECT_EQ(Expand("%{uid}.%{uidvalidity}%%"), "1.1795462950%");
}

TEST(UidlFormat, KnowsTheNamesThatCyrusHas) {
  EXPECT_EQ(Expand("cyrus"), "1795462950.1");
  EXPECT_EQ(Expand("uidonly"), "1");
  EXPECT_EQ(Expand("dovecot"), "000000016b049726");
  EXPECT_EQ(Expand("courier"), "1795462950-1");
  EXPECT_TRUE(UidlFormat::Parse("cyrus")->NeedsUidvalidity());
  EXPECT_FALSE(UidlFormat::Parse("uidonly")->NeedsUidvalidity());
}

TEST(UidlFormat, RefusesWhatItCanNotKnow) {
  for (const char* format : {"%m", "%", "%08X", "%{md5}", "%{uid", "fixed", "%v", ""}) {
    EXPECT_TRUE(absl::IsInvalidArgument(UidlFormat::Parse(format).status())) << format;
  }
}

TEST(DovecotUidList, HasUidsOwnUidlsAndGuids) {
  const auto list = ParseDovecotUidList(
      "3 V1795462950 N9 G32f75d252697046b9623000083ecc375\n"
      "1 W17 Pold-uidl :1700000001.M1P1.host\n"
      "5 W17 S16 Gabc O3 :1700000002.M1P1.host:2,S\n"
      "7 :a b\n");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->uidvalidity, 1795462950u);
  ASSERT_EQ(list->entries.size(), 3u);
  EXPECT_EQ(list->entries.at("1700000001.M1P1.host").uid, 1u);
  EXPECT_EQ(list->entries.at("1700000001.M1P1.host").uidl, "old-uidl");
  EXPECT_EQ(list->entries.at("1700000002.M1P1.host").guid, "abc");
  EXPECT_EQ(list->entries.at("a b").uid, 7u);
}

TEST(DovecotUidList, MayBeOfTheFirstVersion) {
  const auto list = ParseDovecotUidList("1 1200000000 3\n1 1100000000.P1.host\n2 x\n");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->uidvalidity, 1200000000u);
  EXPECT_EQ(list->entries.at("x").uid, 2u);
}

TEST(DovecotUidList, NamesTheLineThatIsWrong) {
  const auto message = [](const char* text) {
    return std::string(ParseDovecotUidList(text).status().message());
  };
  EXPECT_THAT(message("2 V1 N1\n"), HasSubstr("line 1"));
  EXPECT_THAT(message(""), HasSubstr("line 1"));
  EXPECT_THAT(message("3 N1\n"), HasSubstr("UIDVALIDITY"));
  EXPECT_THAT(message("3 V1 N1\nx :y\n"), HasSubstr("line 2"));
  EXPECT_THAT(message("3 V1 N1\n1 :a\n2 W1\n"), HasSubstr("line 3"));
}

TEST(CourierList, HasUidlsOfAllItsVersions) {
  const auto list = ParseCourierList(
      "/3 5 1700000000\n"
      "1600000001.M1P1.host,S=10:2,S 11 1:1700000000:0\n"
      "1600000002.M1P1.host 11 2:1690000000\n"
      "1600000003.M1P1.host 11 3:0\n"
      "1600000004.M1P1.host 11 4\n"
      "1600000005.M'1+P1.host:2, 11 0:0\n"
      "rubbish\n"
      "1600000006 x y\n");
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 5u);
  EXPECT_EQ(list->at("1600000001.M1P1.host,S=10").uidl, "UID1-1700000000");
  EXPECT_EQ(list->at("1600000002.M1P1.host").uidl, "UID2-1690000000");
  EXPECT_EQ(list->at("1600000003.M1P1.host").uidl, "UID3");
  EXPECT_EQ(list->at("1600000004.M1P1.host").uidl, "UID4");
  EXPECT_EQ(list->at("1600000005.M'1+P1.host").uidl, "1600000005.M+271+2BP1.host");
}

TEST(CourierList, MustHaveItsHeader) {
  EXPECT_FALSE(ParseCourierList("").ok());
  EXPECT_FALSE(ParseCourierList("/4 1 2\n").ok());
  EXPECT_FALSE(ParseCourierList("a 1 2\n").ok());
}

}  // namespace
}  // namespace restante::ctl
