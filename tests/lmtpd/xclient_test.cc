// XCLIENT's argument, and the xtext in it.
#include "plugins/lmtpd/xclient.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "plugins/lmtpd/xtext.h"

namespace restante::lmtp {
namespace {

using testing::Optional;

TEST(XtextTest, DecodesWhatStandsForOctets) {
  EXPECT_THAT(DecodeXtext(""), Optional(std::string()));
  EXPECT_THAT(DecodeXtext("user@example.org"), Optional(std::string("user@example.org")));
  EXPECT_THAT(DecodeXtext("a+2Bb+3Dc+20d+0a"), Optional(std::string("a+b=c d\n")));
  EXPECT_THAT(DecodeXtext("+FF"), Optional(std::string("\xFF")));
  EXPECT_THAT(DecodeXtext("j\xC3\xBC", /*utf8=*/true), Optional(std::string("j\xC3\xBC")));
}

TEST(XtextTest, RefusesWhatIsNone) {
  for (const std::string text :
       {"a=b", "a b", "+", "+4", "+4G", "+G4", "a\x7F", "a\tb", "\xC3\xBC"}) {
    EXPECT_FALSE(DecodeXtext(text).has_value()) << text;
  }
}

TEST(ParseXclientTest, ReadsAttributesInAnyOrderAndCase) {
  XclientArguments told;
  EXPECT_EQ(ParseXclient("addr=192.0.2.1  NAME=client.example PORT=4000 HELO=[192.0.2.1] "
                         "LOGIN=user+40example.org PROTO=ESMTP DESTADDR=IPV6:2001:db8::1 "
                         "DESTPORT=24",
                         &told),
            nullptr);
  EXPECT_EQ(told.address, asio::ip::make_address("192.0.2.1"));
  EXPECT_THAT(told.name, Optional(std::string("client.example")));
  EXPECT_THAT(told.port, Optional(uint16_t{4000}));
  EXPECT_THAT(told.helo, Optional(std::string("[192.0.2.1]")));
  EXPECT_THAT(told.login, Optional(std::string("user@example.org")));
}

TEST(ParseXclientTest, LeavesAloneWhatIsNotGiven) {
  XclientArguments told;
  EXPECT_EQ(ParseXclient("PROTO=SMTP", &told), nullptr);
  EXPECT_FALSE(told.address.has_value());
  EXPECT_FALSE(told.name.has_value());
  EXPECT_FALSE(told.helo.has_value());
  EXPECT_FALSE(told.login.has_value());
  EXPECT_FALSE(told.port.has_value());
}

TEST(ParseXclientTest, KnowsWhatIsNotKnown) {
  XclientArguments told;
  EXPECT_EQ(ParseXclient("NAME=[TEMPUNAVAIL] ADDR=[UNAVAILABLE] PORT=[unavailable] "
                         "HELO=[UNAVAILABLE] LOGIN=[UNAVAILABLE] DESTADDR=[UNAVAILABLE]",
                         &told),
            nullptr);
  EXPECT_THAT(told.name, Optional(std::string()));
  EXPECT_THAT(told.helo, Optional(std::string()));
  EXPECT_THAT(told.login, Optional(std::string()));
  EXPECT_THAT(told.port, Optional(uint16_t{0}));
  ASSERT_TRUE(told.address.has_value());
  EXPECT_TRUE(told.address->is_unspecified());
}

TEST(ParseXclientTest, ReadsIpv6WithItsPrefix) {
  XclientArguments told;
  EXPECT_EQ(ParseXclient("ADDR=ipv6:2001:db8::7", &told), nullptr);
  EXPECT_EQ(told.address, asio::ip::make_address("2001:db8::7"));
}

TEST(ParseXclientTest, RefusesByWhatIsWrong) {
  const struct {
    std::string argument;
    const Reply* reply;
  } cases[] = {
      {"", &reply::kXclientSyntax},
      {"ADDR", &reply::kXclientSyntax},
      {"ADDR=192.0.2.1 now", &reply::kXclientSyntax},
      {"COLOUR=red", &reply::kXclientAttribute},
      {"=x", &reply::kXclientAttribute},
      {"ADDR=", &reply::kXclientValue},
      {"ADDR=host.example", &reply::kXclientValue},
      {"ADDR=2001:db8::7", &reply::kXclientValue},
      {"ADDR=IPV6:192.0.2.1", &reply::kXclientValue},
      {"ADDR=IPV6:fe80::1%eth0", &reply::kXclientValue},
      {"PORT=65536", &reply::kXclientValue},
      {"PORT=-1", &reply::kXclientValue},
      {"PORT=25x", &reply::kXclientValue},
      {"PROTO=HTTP", &reply::kXclientValue},
      {"NAME=two+20words", &reply::kXclientValue},
      {"NAME=" + std::string(256, 'a'), &reply::kXclientValue},
      {"HELO=a+0D+0ARSET", &reply::kXclientValue},
      {"HELO=+G1", &reply::kXclientValue},
      {"LOGIN=a+00", &reply::kXclientValue},
      {"DESTADDR=nowhere", &reply::kXclientValue},
      {"DESTPORT=x", &reply::kXclientValue},
  };
  for (const auto& c : cases) {
    XclientArguments told;
    EXPECT_EQ(ParseXclient(c.argument, &told), c.reply) << c.argument;
  }
}

}  // namespace
}  // namespace restante::lmtp
