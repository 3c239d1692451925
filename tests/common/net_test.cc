// Addresses to listen on.
#include "common/net.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace restante {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, AcceptedSpellingsAreFormattedBack) {
  for (const char* text : {"127.0.0.1:110", "[::1]:0", "0.0.0.0:65535", "[::]:995",
                           "unix:/run/restante/lmtp socket"}) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(FormatAddress(*address), text);
  }
}

TEST(ListenAddressTest, ShorthandsMeanLoopbackAndEverywhere) {
  EXPECT_EQ(FormatAddress(*ParseListenAddress("localhost:25")), "127.0.0.1:25");
  EXPECT_EQ(FormatAddress(*ParseListenAddress("*:25")), "[::]:25");
}

TEST(ListenAddressTest, OnlyUnixAddressesHaveAPath) {
  EXPECT_TRUE(ParseListenAddress("unix:lmtp.sock")->IsUnix());
  EXPECT_FALSE(ParseListenAddress("127.0.0.1:1")->IsUnix());
}

TEST(ListenAddressTest, WrongSpellingsAreRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "the port is missing"},
      {"127.0.0.1", "the port is missing"},
      {"127.0.0.1:", "the port must be a number from 0 to 65535"},
      {"127.0.0.1:65536", "the port must be a number"},
      {"127.0.0.1:-1", "the port must be a number"},
      {"127.0.0.1:1 ", "the port must be a number"},
      {"mail.example.org:110", "the host must be an IP address"},
      {":110", "the host must be an IP address"},
      {"300.0.0.1:110", "the host must be an IP address"},
      {"::1:110", "an IPv6 address needs brackets"},
      {"[127.0.0.1]:110", "brackets are for IPv6"},
      {"unix:", "the path is missing"},
  };
  for (const auto& [text, why] : cases) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    ASSERT_FALSE(address.ok()) << text;
    const std::string message(address.status().message());
    EXPECT_THAT(message, HasSubstr(why)) << text;
    EXPECT_THAT(message, HasSubstr("'" + std::string(text) + "'"));
  }
}

TEST(ListenAddressTest, AUnixPathMustFitIntoASocketAddress) {
  EXPECT_TRUE(ParseListenAddress("unix:" + std::string(107, 'a')).ok());
  EXPECT_FALSE(ParseListenAddress("unix:" + std::string(108, 'a')).ok());
  EXPECT_FALSE(ParseListenAddress(std::string("unix:/a\0b", 9)).ok());
}

TEST(FormatHostTest, ShowsMappedAddressesAsIPv4) {
  EXPECT_EQ(FormatHost(asio::ip::make_address("::ffff:192.0.2.1")), "192.0.2.1");
  EXPECT_EQ(FormatHost(asio::ip::make_address("2001:db8::1")), "2001:db8::1");
}

}  // namespace
}  // namespace restante
