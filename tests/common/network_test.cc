// Networks in CIDR notation.
#include "common/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace restante {
namespace {

using ::testing::HasSubstr;

bool Contains(const char* network, const char* address) {
  const absl::StatusOr<Network> parsed = Network::Parse(network);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() && parsed->Contains(asio::ip::make_address(address));
}

TEST(NetworkTest, ContainsTheAddressesWithItsPrefix) {
  EXPECT_TRUE(Contains("192.0.2.0/24", "192.0.2.0"));
  EXPECT_TRUE(Contains("192.0.2.0/24", "192.0.2.255"));
  EXPECT_FALSE(Contains("192.0.2.0/24", "192.0.3.0"));
  EXPECT_TRUE(Contains("10.0.0.0/9", "10.127.1.1"));
  EXPECT_FALSE(Contains("10.0.0.0/9", "10.128.0.0"));
  EXPECT_TRUE(Contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(Contains("2001:db8::/33", "2001:db8:8000::1"));
}

TEST(NetworkTest, OfOneAddressContainsThat) {
  EXPECT_TRUE(Contains("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(Contains("192.0.2.7", "192.0.2.6"));
  EXPECT_TRUE(Contains("::1/128", "::1"));
  EXPECT_FALSE(Contains("::1", "::2"));
}

TEST(NetworkTest, OfNoPrefixContainsItsWholeFamily) {
  EXPECT_TRUE(Contains("0.0.0.0/0", "203.0.113.1"));
  EXPECT_FALSE(Contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(Contains("::/0", "2001:db8::1"));
}

TEST(NetworkTest, TakesMappedAddressesForWhatTheyAre) {
  EXPECT_TRUE(Contains("127.0.0.0/8", "::ffff:127.0.0.1"));
  EXPECT_FALSE(Contains("127.0.0.0/8", "::127.0.0.1"));
}

TEST(NetworkTest, RefusesWhatIsNoneAndSaysWhy) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "no IP address"},
      {"localhost", "no IP address"},
      {"192.0.2/24", "no IP address"},
      {"192.0.2.0/", "0 to 32"},
      {"192.0.2.0/33", "0 to 32"},
      {"192.0.2.0/-1", "0 to 32"},
      {"192.0.2.0/24 ", "0 to 32"},
      {"::/129", "0 to 128"},
      {"192.0.2.1/24", "bits are set behind the prefix"},
      {"2001:db8::1/64", "bits are set behind the prefix"},
      {"fe80::%eth0/10", "no IP address"},
  };
  for (const auto& [text, why] : cases) {
    const absl::StatusOr<Network> network = Network::Parse(text);
    ASSERT_FALSE(network.ok()) << text;
    EXPECT_THAT(std::string(network.status().message()), HasSubstr(why)) << text;
    EXPECT_THAT(std::string(network.status().message()),
                HasSubstr("'" + std::string(text) + "'"));
  }
}

}  // namespace
}  // namespace restante
