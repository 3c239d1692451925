// Whose mail it is when others pass connections on: the PROXY protocol, and XCLIENT.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/config.h"
#include "tests/common/proxy_headers.h"
#include "tests/lmtpd/lmtp_test.h"

namespace restante::lmtp {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ClientTest : public LmtpTest {
 protected:
  void StartBehindProxy(const Configure& configure = nullptr) {
    StartServer([&configure](config::LmtpdConfig& config) {
      config.mutable_proxy()->add_networks("127.0.0.0/8");
      if (configure) configure(config);
    });
  }
  void StartWithXclient() {
    StartServer(
        [](config::LmtpdConfig& config) { config.add_xclient_networks("127.0.0.0/8"); });
  }

  // Delivers a message, and returns the address that the storage service was told.
  std::string AddressToldBy(LmtpClient& client) {
    BeginMessage(client, {"user"});
    EXPECT_THAT(client.Command("."), StartsWith("250 2.0.0 Delivered"));
    return storage_.Deliveries(++delivered_).back().envelope.client().remote_address();
  }

 private:
  size_t delivered_ = 0;
};

TEST_F(ClientTest, ServesTheClientOfWhomTheHeaderTells) {
  StartBehindProxy();
  for (const std::string& header :
       {std::string("PROXY TCP4 192.0.2.1 198.51.100.7 4000 24\r\n"),
        ProxyV2For("192.0.2.1", 4000)}) {
    LmtpClient client(port());
    client.Send(header);
    client.Greet();
    EXPECT_EQ(AddressToldBy(client), "192.0.2.1:4000");
  }
}

TEST_F(ClientTest, TakesCommandsBehindTheHeader) {
  StartBehindProxy();
  LmtpClient client(port());
  client.Send("PROXY TCP6 2001:db8::1 2001:db8::2 4000 24\r\nLHLO x\r\nNOOP\r\n");
  EXPECT_THAT(client.Replies(3),
              ElementsAre(StartsWith("220 "), StartsWith("250-"), StartsWith("250 2.0.0 OK")));
  EXPECT_EQ(AddressToldBy(client), "[2001:db8::1]:4000");
}

TEST_F(ClientTest, TheLoadBalancersOwnConnectionsHaveItsAddress) {
  StartBehindProxy();
  LmtpClient client(port());
  client.Send(ProxyV2(0x20, 0x00, ""));
  client.Greet();
  EXPECT_THAT(AddressToldBy(client), StartsWith("127.0.0.1:"));
}

TEST_F(ClientTest, ConnectionsWithoutAHeaderAreClosed) {
  StartBehindProxy([](config::LmtpdConfig& config) {
    *config.mutable_proxy()->mutable_timeout() = ToProto(absl::Milliseconds(100));
  });
  for (const std::string octets : {"LHLO client.example\r\n", "PROXY TCP4 ", ""}) {
    LmtpClient client(port());
    client.Send(octets);
    EXPECT_EQ(client.Rest(), "") << octets;
  }
}

TEST_F(ClientTest, AHeaderFromElsewhereIsNotBelieved) {
  StartServer([](config::LmtpdConfig& config) {
    config.mutable_proxy()->add_networks("192.0.2.0/24");
  });
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("PROXY TCP4 192.0.2.1 192.0.2.2 4000 24"), StartsWith("500 "));
  EXPECT_THAT(AddressToldBy(client), StartsWith("127.0.0.1:"));
}

TEST_F(ClientTest, OtherListenersTakeNoHeader) {
  StartBehindProxy([](config::LmtpdConfig& config) {
    config.add_listen("localhost:0");
    config.mutable_proxy()->add_listeners("localhost:0");
  });
  LmtpClient direct(port());
  direct.Greet();
  LmtpClient proxied(server().addresses()[1].tcp.port());
  proxied.Send("PROXY TCP4 192.0.2.1 198.51.100.7 4000 24\r\n");
  proxied.Greet();
  EXPECT_EQ(AddressToldBy(proxied), "192.0.2.1:4000");
}

TEST_F(ClientTest, BelievesALoadBalancerAboutTlsOnlyIfToldTo) {
  const std::string tls = ProxyTlv(0x20, std::string("\x01\0\0\0\0", 5));
  for (const bool trusted : {false, true}) {
    StartBehindProxy([trusted](config::LmtpdConfig& config) {
      config.mutable_proxy()->set_trust_tls(trusted);
    });
    LmtpClient client(port());
    client.Send(ProxyV2For("192.0.2.1", 4000, tls));
    client.Greet();
    AddressToldBy(client);
    EXPECT_EQ(storage_.Deliveries(1).back().envelope.client().tls(), trusted);
  }
}

TEST_F(ClientTest, XclientTellsForWhomTheClientSpeaks) {
  StartWithXclient();
  LmtpClient client(port());
  client.Reply();
  EXPECT_THAT(client.Command("LHLO proxy.example"),
              HasSubstr("|250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT|"));
  EXPECT_EQ(client.Command("XCLIENT ADDR=192.0.2.9 PORT=2525 NAME=client.example"),
            "220 mx.test LMTP Restante");
  EXPECT_EQ(client.Command("MAIL FROM:<>"), "503 5.5.1 Send LHLO first");
  EXPECT_THAT(client.Command("LHLO proxy.example"), StartsWith("250-"));
  EXPECT_EQ(AddressToldBy(client), "192.0.2.9:2525");
  EXPECT_THAT(client.Command("XCLIENT ADDR=IPV6:2001:db8::7"), StartsWith("220 "));
  client.Command("LHLO proxy.example");
  EXPECT_EQ(AddressToldBy(client), "[2001:db8::7]:0");
  EXPECT_THAT(client.Command("XCLIENT ADDR=[UNAVAILABLE]"), StartsWith("220 "));
  client.Command("LHLO proxy.example");
  EXPECT_EQ(AddressToldBy(client), "unknown");
}

TEST_F(ClientTest, XclientIsRefusedInsideATransactionAndWhenItIsWrong) {
  StartWithXclient();
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("XCLIENT"), StartsWith("501 5.5.4 "));
  EXPECT_THAT(client.Command("XCLIENT COLOUR=red"), StartsWith("501 5.5.4 "));
  EXPECT_THAT(client.Command("XCLIENT ADDR=x PORT=1"), StartsWith("501 5.5.4 "));
  EXPECT_THAT(client.Command("MAIL FROM:<>"), StartsWith("250 "));
  EXPECT_THAT(client.Command("XCLIENT ADDR=192.0.2.9"), StartsWith("503 5.5.1 "));
  EXPECT_THAT(client.Command("RSET"), StartsWith("250 "));
  EXPECT_THAT(AddressToldBy(client), StartsWith("127.0.0.1:"));
}

TEST_F(ClientTest, OnlyListedNetworksMayUseXclient) {
  StartServer([](config::LmtpdConfig& config) {
    config.add_xclient_networks("192.0.2.0/24");
    config.mutable_proxy()->add_networks("127.0.0.0/8");
  });
  // Whoever comes through a load balancer is asked for himself.
  LmtpClient stranger(port());
  stranger.Send(ProxyV2For("198.51.100.1", 4000));
  stranger.Reply();
  EXPECT_THAT(stranger.Command("LHLO client.example"), Not(HasSubstr("XCLIENT")));
  EXPECT_EQ(stranger.Command("XCLIENT ADDR=192.0.2.9"),
            "550 5.7.0 Not authorised to use XCLIENT");
  LmtpClient proxy(port());
  proxy.Send(ProxyV2For("192.0.2.1", 4000));
  proxy.Reply();
  EXPECT_THAT(proxy.Command("LHLO client.example"), HasSubstr("XCLIENT"));
  // What it has told doesn't change what it may.
  for (const std::string address : {"198.51.100.1", "198.51.100.2"}) {
    EXPECT_THAT(proxy.Command("XCLIENT PORT=25 ADDR=" + address), StartsWith("220 "));
  }
  proxy.Command("LHLO client.example");
  EXPECT_THAT(AddressToldBy(proxy), EndsWith("198.51.100.2:25"));
}

TEST_F(ClientTest, ASilentLoadBalancerDoesNotHoldUpTheEnd) {
  StartBehindProxy([](config::LmtpdConfig& config) {
    *config.mutable_proxy()->mutable_timeout() = ToProto(absl::Minutes(5));
    *config.mutable_drain_time() = ToProto(absl::Hours(1));
  });
  LmtpClient silent(port());
  server().Stop();
  EXPECT_EQ(silent.Rest(), "");
}

}  // namespace
}  // namespace restante::lmtp
