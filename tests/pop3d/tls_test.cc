// STLS (RFC 2595) and TLS from the start (RFC 8314).
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class TlsSessionTest : public SessionTest {
 protected:
  TlsSessionTest() {
    storage_.AddAccount("user", "secret", {"Subject: a\r\n\r\n.b\r\n"});
    options_.settings.allow_cleartext_passwords = false;
  }

  std::unique_ptr<Client> Greeted() {
    std::unique_ptr<Client> client = Connect();
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    return client;
  }
};

TEST_F(TlsSessionTest, ServesAWholeSessionOverImplicitTls) {
  auto client = ConnectTls();
  EXPECT_EQ(client->LogIn("user", "secret"), "+OK Logged in.");
  EXPECT_TRUE(storage_.last_login().client().tls());
  EXPECT_EQ(client->MultiLine("RETR 1"), "Subject: a\r\n\r\n.b\r\n");
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(TlsSessionTest, ServesAWholeSessionAfterStls) {
  auto client = Greeted();
  EXPECT_THAT(client->Command("STLS"), StartsWith("+OK"));
  ASSERT_TRUE(client->Handshake());
  client->Send("USER user\r\nPASS secret\r\n");
  EXPECT_EQ(client->ReadLine(), "+OK Send PASS.");
  EXPECT_EQ(client->ReadLine(), "+OK Logged in.");
  EXPECT_EQ(client->MultiLine("TOP 1 0"), "Subject: a\r\n\r\n");
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
}

TEST_F(TlsSessionTest, AnnouncesStlsOnlyBeforeTls) {
  auto client = Greeted();
  const std::string before = client->MultiLine("CAPA");
  EXPECT_THAT(before, HasSubstr("STLS"));
  client->Command("STLS");
  ASSERT_TRUE(client->Handshake());
  const std::string after = client->MultiLine("CAPA");
  EXPECT_THAT(after, Not(HasSubstr("STLS")));
  EXPECT_THAT(after, HasSubstr("USER\r\nSASL PLAIN\r\n"));
  EXPECT_THAT(client->Command("STLS"), StartsWith("-ERR "));
  client->Command("USER user");
  client->Command("PASS secret");
  EXPECT_EQ(client->MultiLine("CAPA"), after);
}

TEST_F(TlsSessionTest, ForgetsTheUserGivenBeforeStls) {
  options_.settings.allow_cleartext_passwords = true;
  auto client = Greeted();
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  client->Command("STLS");
  ASSERT_TRUE(client->Handshake());
  EXPECT_THAT(client->Command("PASS secret"), StartsWith("-ERR "));
  EXPECT_EQ(storage_.logins(), 0);
}

TEST_F(TlsSessionTest, ClosesWhenAWholeCommandFollowsStlsInTheClear) {
  auto client = Greeted();
  client->Send("STLS\r\nCAPA\r\n");
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR "));
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(TlsSessionTest, ClosesWhenHalfACommandFollowsStlsInTheClear) {
  auto client = Greeted();
  client->Send("STLS\r\nUSE");
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR "));
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(TlsSessionTest, ClosesWhenALineFollowsStlsThatIsBeingSkipped) {
  auto client = Greeted();
  client->Send(absl::StrCat("STLS\r\n", std::string(2000, 'x')));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR "));
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(TlsSessionTest, ClosesWhenOctetsInTheClearComeInsteadOfAHandshake) {
  auto client = Greeted();
  EXPECT_THAT(client->Command("STLS"), StartsWith("+OK"));
  client->Send("USER user\r\nPASS secret\r\n");
  // An alert of TLS may come, but no reply.
  EXPECT_THAT(client->ReadOctets(1000), Not(HasSubstr("+OK")));
  EXPECT_EQ(storage_.logins(), 0);
}

TEST_F(TlsSessionTest, RefusesStlsAfterLogin) {
  options_.settings.allow_cleartext_passwords = true;
  auto client = Open();
  EXPECT_THAT(client->Command("STLS"), StartsWith("-ERR "));
  EXPECT_EQ(client->Command("NOOP"), "+OK");
}

TEST_F(TlsSessionTest, RefusesStlsWithoutACertificate) {
  options_.tls.reset();
  options_.listen_tls.clear();
  auto client = Greeted();
  EXPECT_THAT(client->MultiLine("CAPA"), Not(HasSubstr("STLS")));
  EXPECT_THAT(client->Command("STLS"), StartsWith("-ERR "));
}

TEST_F(TlsSessionTest, SaysNothingToAClientThatDoesNotSpeakTls) {
  StartServer();
  Client client(server_->tls_addresses().front());
  client.Send("USER user\r\n");
  EXPECT_THAT(client.ReadOctets(1000), Not(HasSubstr("OK")));
}

TEST_F(TlsSessionTest, SendsAndTakesMuchAtOnce) {
  std::string message = "Subject: a\r\n\r\n";
  while (message.size() < 2 << 20) message += "line\r\n.dots\r\n";
  storage_.AddAccount("large", "secret", {message, message});
  auto client = ConnectTls();
  EXPECT_EQ(client->LogIn("large", "secret"), "+OK Logged in.");
  client->Send("RETR 1\r\nRETR 2\r\n");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client->ReadLine(), absl::StrCat("+OK ", message.size(), " octets"));
    EXPECT_EQ(client->ReadBody(), message);
  }
}

TEST_F(TlsSessionTest, TakesCommandsOctetByOctet) {
  auto client = ConnectTls();
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  client->SendSlowly("USER user\r\nPASS secret\r\nSTAT\r\n");
  EXPECT_EQ(client->ReadLine(), "+OK Send PASS.");
  EXPECT_EQ(client->ReadLine(), "+OK Logged in.");
  EXPECT_EQ(client->ReadLine(), "+OK 1 18");
}

}  // namespace
}  // namespace restante::pop3
