// Sessions that come through a load balancer: the PROXY protocol.
#include "absl/strings/str_cat.h"
#include "tests/common/proxy_headers.h"
#include "tests/pop3d/limit_hits.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ProxySessionTest : public SessionTest {
 protected:
  ProxySessionTest() {
    storage_.AddAccount("user", "secret", {"1\r\n"});
    options_.settings.proxy.networks = {*Network::Parse("127.0.0.0/8")};
  }

  // Every connection has ended after this.
  void StopAndKeepCounters() {
    server_->Shutdown();
    server_->Wait();
    hits_ = server_->limit_counters().value(Limit::kProxyHeader);
  }

  uint64_t hits_ = 0;
};

TEST_F(ProxySessionTest, ServesTheClientOfWhomTheHeaderTells) {
  const std::string headers[] = {"PROXY TCP4 192.0.2.1 198.51.100.7 4000 110\r\n",
                                 ProxyV2For("192.0.2.1", 4000)};
  for (const std::string& header : headers) {
    auto client = Connect();
    client->Send(header);
    EXPECT_EQ(client->LogIn("user", "secret"), "+OK Logged in.");
    EXPECT_EQ(storage_.last_login().client().remote_address(), "192.0.2.1:4000");
    EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
  }
}

TEST_F(ProxySessionTest, SaysNothingBeforeTheHeaderHasCome) {
  auto client = Connect();
  client->Send("PROXY TCP6 2001:db8::1 ");
  clock_.AwaitLooks();
  EXPECT_FALSE(client->HasOctets());
  client->Send("2001:db8::2 1 2\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
}

TEST_F(ProxySessionTest, TakesTheHeaderOctetByOctetAndCommandsInItsSegment) {
  auto client = Connect();
  client->SendSlowly(ProxyV2For("2001:db8::1", 9, ProxyTlv(0x04, std::string(300, 'x'))));
  EXPECT_EQ(client->LogIn("user", "secret"), "+OK Logged in.");
  EXPECT_EQ(storage_.last_login().client().remote_address(), "[2001:db8::1]:9");
  client->Command("QUIT");

  auto other = Connect();
  other->Send(absl::StrCat(ProxyV2For("192.0.2.1", 1), "USER user\r\nPASS secret\r\n"));
  EXPECT_THAT(other->ReadLine(), StartsWith("+OK"));
  EXPECT_EQ(other->ReadLine(), "+OK Send PASS.");
  EXPECT_EQ(other->ReadLine(), "+OK Logged in.");
}

TEST_F(ProxySessionTest, ShakesHandsRightBehindTheHeader) {
  StartServer();
  Client client(server_->tls_addresses().front());
  client.Send(ProxyV2For("192.0.2.1", 4000));
  ASSERT_TRUE(client.Handshake());
  EXPECT_EQ(client.LogIn("user", "secret"), "+OK Logged in.");
  EXPECT_EQ(storage_.last_login().client().remote_address(), "192.0.2.1:4000");
  EXPECT_TRUE(storage_.last_login().client().tls());
}

TEST_F(ProxySessionTest, ServesTheLoadBalancerItself) {
  for (const std::string& header :
       {std::string("PROXY UNKNOWN\r\n"), ProxyV2(0x20, 0x00, "")}) {
    auto client = Connect();
    client->Send(header);
    EXPECT_EQ(client->LogIn("user", "secret"), "+OK Logged in.");
    EXPECT_THAT(storage_.last_login().client().remote_address(), StartsWith("127.0.0.1:"));
    EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
  }
}

TEST_F(ProxySessionTest, ClosesAConnectionWithoutAHeader) {
  auto client = Connect();
  client->Send("CAPA\r\n");
  EXPECT_TRUE(client->AtEnd());
  auto binary = Connect();
  binary->Send(ProxyV2(0x2F, 0x11, std::string(12, 'x')));
  EXPECT_TRUE(binary->AtEnd());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kProxyHeader, 2));
}

TEST_F(ProxySessionTest, ClosesAConnectionWhoseHeaderComesTooLate) {
  auto client = Connect();
  client->Send("PROXY ");
  clock_.AwaitLooks();
  clock_.Advance(seconds(4));
  clock_.AwaitLooks();
  client->Send("TCP4 ");
  clock_.Advance(seconds(1));
  EXPECT_TRUE(client->AtEnd());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kProxyHeader, 1));
}

TEST_F(ProxySessionTest, TakesALookAtThePortForNoMistake) {
  auto client = Connect();
  client->Close();
  auto other = Connect();
  other->Send("PROXY UNKNOWN\r\n");
  EXPECT_THAT(other->ReadLine(), StartsWith("+OK"));
  other->Close();
  StopAndKeepCounters();
  EXPECT_EQ(hits_, 0u);
}

TEST_F(ProxySessionTest, BelievesNobodyElsesHeader) {
  options_.settings.proxy.networks = {*Network::Parse("192.0.2.0/24")};
  auto client = Connect();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_EQ(client->Command("PROXY TCP4 192.0.2.1 198.51.100.7 4000 110"),
            "-ERR Unknown command.");
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
  EXPECT_THAT(storage_.last_login().client().remote_address(), StartsWith("127.0.0.1:"));
}

TEST_F(ProxySessionTest, WantsHeadersOnlyWhereTheOperatorSays) {
  // Not where this test listens.
  options_.settings.proxy.listeners = {{asio::ip::make_address("127.0.0.1"), 1}};
  auto client = Connect();
  EXPECT_EQ(client->LogIn("user", "secret"), "+OK Logged in.");
}

class ProxiedTlsTest : public ProxySessionTest {
 protected:
  ProxiedTlsTest() { options_.settings.allow_cleartext_passwords = false; }

  // A client that speaks TLS to the load balancer.
  std::unique_ptr<Client> Greeted() {
    auto client = Connect();
    client->Send(ProxyV2For("192.0.2.1", 1, ProxyTlv(0x20, std::string("\x01\0\0\0\0", 5))));
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    return client;
  }
};

TEST_F(ProxiedTlsTest, IsNoTlsUnlessTheOperatorSaysSo) {
  auto client = Greeted();
  EXPECT_THAT(client->MultiLine("CAPA"), HasSubstr("STLS\r\n"));
  EXPECT_THAT(client->Command("USER user"), StartsWith("-ERR "));
}

TEST_F(ProxiedTlsTest, IsTlsWhereTheOperatorTrustsTheLoadBalancer) {
  options_.settings.proxy.trust_tls = true;
  auto client = Greeted();
  const std::string capabilities = client->MultiLine("CAPA");
  EXPECT_THAT(capabilities, Not(HasSubstr("STLS")));
  EXPECT_THAT(capabilities, HasSubstr("\r\nSASL PLAIN\r\n"));
  EXPECT_THAT(client->Command("STLS"), StartsWith("-ERR "));
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
  EXPECT_TRUE(storage_.last_login().client().tls());
}

TEST_F(ProxySessionTest, LimitsTheAddressOfTheClientAndNotThatOfTheLoadBalancer) {
  options_.settings.of_address = {.connections = 1, .new_connections_per_minute = 0};
  auto first = Connect();
  first->Send(ProxyV2For("192.0.2.1", 1));
  EXPECT_THAT(first->ReadLine(), StartsWith("+OK"));
  auto second = Connect();
  second->Send(ProxyV2For("192.0.2.1", 2));
  EXPECT_EQ(second->ReadLine(), "-ERR [SYS/TEMP] Too many connections from this address.");
  EXPECT_TRUE(second->AtEnd());
  for (int i = 2; i < 10; ++i) {
    auto other = Connect();
    other->Send(ProxyV2For(absl::StrCat("192.0.2.", i), 1));
    EXPECT_THAT(other->ReadLine(), StartsWith("+OK"));
  }
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kConnectionsOfAddress, 1));
}

TEST_F(ProxySessionTest, ShakesHandsWithOnlySoManyClientsThatItRefuses) {
  options_.settings.of_address = {.connections = 1, .new_connections_per_minute = 0};
  options_.threads = 1;
  StartServer();
  const auto connect = [this] {
    auto client = std::make_unique<Client>(server_->tls_addresses().front());
    client->Send(ProxyV2For("192.0.2.1", 1));
    return client;
  };
  auto served = connect();
  ASSERT_TRUE(served->Handshake());
  EXPECT_THAT(served->ReadLine(), StartsWith("+OK"));
  std::vector<std::unique_ptr<Client>> refused;
  for (int i = 0; i < 64; ++i) refused.push_back(connect());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kConnectionsOfAddress, 64));
  auto one_more = connect();
  EXPECT_TRUE(one_more->AtEnd());
  // Those that it shakes hands with are told why.
  ASSERT_TRUE(refused[0]->Handshake());
  EXPECT_EQ(refused[0]->ReadLine(), "-ERR [SYS/TEMP] Too many connections from this address.");
}

}  // namespace
}  // namespace restante::pop3
