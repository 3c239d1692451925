// PROXY headers, octet for octet.
#include "common/proxy_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "common/net.h"
#include "tests/common/proxy_headers.h"

namespace restante {
namespace {

using ::testing::HasSubstr;
using Outcome = ProxyParse::Outcome;

// With the client's octets behind it, the header is told apart; each beginning of it
// may become one.
ProxyHeader Whole(const std::string& octets) {
  const ProxyParse parse = ParseProxyHeader(octets + "USER x\r\n");
  EXPECT_EQ(parse.outcome, Outcome::kHeader) << parse.error;
  EXPECT_EQ(parse.length, octets.size());
  for (size_t i = 0; i < octets.size(); ++i) {
    EXPECT_EQ(ParseProxyHeader(octets.substr(0, i)).outcome, Outcome::kIncomplete) << i;
  }
  return parse.header;
}

std::string ErrorOf(absl::string_view octets) {
  const ProxyParse parse = ParseProxyHeader(octets);
  EXPECT_EQ(parse.outcome, Outcome::kInvalid);
  return std::string(parse.error);
}

TEST(ProxyTextTest, TellsTheClientsAddressAndOurs) {
  ProxyHeader header = Whole("PROXY TCP4 192.0.2.1 198.51.100.7 56324 110\r\n");
  EXPECT_FALSE(header.local);
  EXPECT_EQ(FormatAddress(header.source), "192.0.2.1:56324");
  EXPECT_EQ(FormatAddress(header.destination), "198.51.100.7:110");
  EXPECT_FALSE(header.tls);
  header = Whole("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n");
  EXPECT_EQ(FormatAddress(header.source), "[2001:db8::1]:1");
}

TEST(ProxyTextTest, KeepsTheConnectionsAddressesWhenTheProxyKnowsNone) {
  EXPECT_TRUE(Whole("PROXY UNKNOWN\r\n").local);
  EXPECT_TRUE(Whole("PROXY UNKNOWN ffff:f... 1 what ever\r\n").local);
}

TEST(ProxyTextTest, RefusesEveryOtherLine) {
  for (const char* line :
       {"PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP6 fe80::1%lo ::1 1 2\r\n", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n"}) {
    EXPECT_EQ(ParseProxyHeader(line).outcome, Outcome::kInvalid) << line;
  }
}

TEST(ProxyTextTest, TakesALineOf107OctetsAndNoLongerOne) {
  const std::string start = "PROXY UNKNOWN ";
  EXPECT_TRUE(Whole(absl::StrCat(start, std::string(91, 'x'), "\r\n")).local);
  EXPECT_THAT(ErrorOf(absl::StrCat(start, std::string(92, 'x'), "\r\n")),
              HasSubstr("without an end"));
}

TEST(ProxyBinaryTest, TellsTheClientsAddressAndOurs) {
  ProxyHeader header = Whole(ProxyV2For("192.0.2.1", 56324));
  EXPECT_FALSE(header.local);
  EXPECT_EQ(FormatAddress(header.source), "192.0.2.1:56324");
  EXPECT_EQ(FormatAddress(header.destination), "192.0.2.250:110");
  header = Whole(ProxyV2For("2001:db8::1", 7));
  EXPECT_EQ(FormatAddress(header.source), "[2001:db8::1]:7");
  EXPECT_EQ(FormatAddress(header.destination), "[2001:db8::fa]:110");
}

TEST(ProxyBinaryTest, KeepsTheConnectionsAddressesForLocalAndUnknown) {
  EXPECT_TRUE(Whole(ProxyV2(0x20, 0x00, "")).local);
  // What a check says of addresses is passed over.
  EXPECT_TRUE(Whole(ProxyV2(0x20, 0x11, std::string(12, 'x'))).local);
  EXPECT_TRUE(Whole(ProxyV2(0x20, 0x11, "xx")).local);
  // And of their family, whatever it is.
  EXPECT_TRUE(Whole(ProxyV2(0x20, 0x41, "xx")).local);
  EXPECT_TRUE(Whole(ProxyV2(0x20, 0xFF, "")).local);
  EXPECT_TRUE(Whole(ProxyV2(0x21, 0x00, "")).local);
  // UNIX socket, datagrams.
  EXPECT_TRUE(Whole(ProxyV2(0x21, 0x31, std::string(216, 'x'))).local);
  EXPECT_TRUE(Whole(ProxyV2(0x21, 0x12, std::string(12, 'x'))).local);
}

TEST(ProxyBinaryTest, TellsOfTheClientsTls) {
  const std::string inner =
      absl::StrCat(std::string("\x01\0\0\0\0", 5), ProxyTlv(0x21, "TLSv1.3"),
                   ProxyTlv(0x22, "name"), ProxyTlv(0x23, "TLS_AES_128_GCM_SHA256"));
  const std::string extensions = absl::StrCat(
      ProxyTlv(0x01, "pop3"), ProxyTlv(0x02, "pop.example.org"), ProxyTlv(0x04, "padding"),
      ProxyTlv(0x05, "id-1"), ProxyTlv(0x20, inner), ProxyTlv(0xEA, "of some cloud"));
  const ProxyHeader header = Whole(ProxyV2For("192.0.2.1", 1, extensions));
  EXPECT_TRUE(header.tls);
  EXPECT_EQ(header.tls_version, "TLSv1.3");
  EXPECT_EQ(header.tls_cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(header.alpn, "pop3");
  EXPECT_EQ(header.authority, "pop.example.org");
  EXPECT_EQ(header.unique_id, "id-1");
}

TEST(ProxyBinaryTest, KnowsAClientWithoutTls) {
  const std::string inner("\0\0\0\0\x01", 5);
  EXPECT_FALSE(Whole(ProxyV2For("192.0.2.1", 1, ProxyTlv(0x20, inner))).tls);
}

TEST(ProxyBinaryTest, ChecksTheChecksum) {
  // As HAProxy makes it, over the header with zeros in its place.
  std::string header = ProxyV2For("192.0.2.1", 1, ProxyTlv(0x03, std::string(4, '\0')));
  uint32_t crc = ~uint32_t{0};
  for (const char octet : header) {
    crc ^= static_cast<uint8_t>(octet);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
  }
  header.replace(header.size() - 4, 4, BigEndian(~crc & 0xFFFFFFFF, 4));
  EXPECT_FALSE(Whole(header).local);
  header[20] = static_cast<char>(header[20] ^ 1);
  EXPECT_EQ(ErrorOf(header), "a wrong checksum");
}

// The check value that every description of CRC-32C gives.
TEST(ProxyBinaryTest, ChecksumsAsOthersDo) {
  uint32_t crc = ~uint32_t{0};
  for (const char octet : std::string("123456789")) {
    crc ^= static_cast<uint8_t>(octet);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
  }
  EXPECT_EQ(~crc, 0xE3069283u);
}

TEST(ProxyBinaryTest, RefusesEveryOtherHeader) {
  const std::string addresses(12, 'x');
  EXPECT_THAT(ErrorOf(ProxyV2(0x11, 0x11, addresses)), HasSubstr("version"));
  EXPECT_THAT(ErrorOf(ProxyV2(0x22, 0x11, addresses)), HasSubstr("command"));
  EXPECT_THAT(ErrorOf(ProxyV2(0x21, 0x41, addresses)), HasSubstr("family"));
  EXPECT_THAT(ErrorOf(ProxyV2(0x21, 0x13, addresses)), HasSubstr("family"));
  EXPECT_THAT(ErrorOf(ProxyV2(0x21, 0x11, "xx")), HasSubstr("aren't whole"));
  EXPECT_THAT(ErrorOf(ProxyV2(0x21, 0x11, addresses + "x")), HasSubstr("beyond"));
  EXPECT_THAT(ErrorOf(ProxyV2(0x21, 0x11, addresses + std::string("\x04\0\x02x", 4))),
              HasSubstr("beyond"));
  EXPECT_THAT(ErrorOf(ProxyV2For("192.0.2.1", 1, ProxyTlv(0x05, std::string(129, 'i')))),
              HasSubstr("unique id"));
  EXPECT_THAT(ErrorOf(ProxyV2For("192.0.2.1", 1, ProxyTlv(0x20, "xxxx"))), HasSubstr("TLS"));
  EXPECT_THAT(ErrorOf(ProxyV2For("192.0.2.1", 1, ProxyTlv(0x03, "xxx"))),
              HasSubstr("checksum"));
}

TEST(ProxyBinaryTest, RefusesATooLongHeaderBeforeItHasCome) {
  const std::string most(kMaxProxyHeaderOctets - 16, '\0');
  EXPECT_EQ(ParseProxyHeader(ProxyV2(0x20, 0, most)).outcome, Outcome::kHeader);
  const std::string longer = ProxyV2(0x20, 0, most + "x").substr(0, 16);
  EXPECT_THAT(ErrorOf(longer), HasSubstr("too long"));
}

TEST(ProxyHeaderTest, RefusesWhatClientsSendAtTheFirstWrongOctet) {
  for (const std::string text : {"USER x\r\n", "CAPA\r\n", "\x16\x03\x01", "proxy TCP4",
                                 "PROXX", "PROXY\r\n", "\r\n\r\nQ", "\r\n\r\n"}) {
    const bool may_become = text == "\r\n\r\n";
    EXPECT_EQ(ParseProxyHeader(text).outcome,
              may_become ? Outcome::kIncomplete : Outcome::kInvalid)
        << text;
  }
  EXPECT_EQ(ParseProxyHeader("").outcome, Outcome::kIncomplete);
}

TEST(ProxyHeaderTest, DoesNotCareWhatGarbageItGets) {
  std::mt19937 random(11);
  const std::string seeds[] = {
      "PROXY TCP4 192.0.2.1 198.51.100.7 56324 110\r\n",
      ProxyV2For("2001:db8::1", 7, ProxyTlv(0x20, std::string("\x01\0\0\0\0", 5)))};
  for (int i = 0; i < 20'000; ++i) {
    std::string octets = seeds[i % 2];
    for (int k = 0; k < 3; ++k) {
      octets[random() % octets.size()] = static_cast<char>(random());
    }
    octets.resize(random() % (octets.size() + 1));
    const ProxyParse parse = ParseProxyHeader(octets);
    if (parse.outcome == Outcome::kHeader) {
      EXPECT_LE(parse.length, octets.size());
    }
  }
}

}  // namespace
}  // namespace restante
