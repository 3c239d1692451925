// TLS, from the first octet and by STARTTLS (RFC 3207): what it protects, what it makes
// the server forget, and clients that have to show a certificate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "common/config.h"
#include "tests/common/certificates.h"
#include "tests/lmtpd/lmtp_test.h"

namespace restante::lmtp {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class TlsTest : public LmtpTest {
 protected:
  void SetUp() override {
    // As the program does: OpenSSL writes to sockets that the client has closed.
    signal(SIGPIPE, SIG_IGN);
    std::string pattern = testing::TempDir() + "/restante-lmtp-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    TestCertificate().Write(Path("cert.pem"), Path("key.pem"));
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const { return dir_ + "/" + name; }

  // With a certificate, for STARTTLS and on a listener of its own.
  void StartTlsServer(const Configure& configure = nullptr) {
    StartServer([this, &configure](config::LmtpdConfig& config) {
      config.add_listen_tls("127.0.0.1:0");
      config.mutable_tls()->set_certificate_file(Path("cert.pem"));
      config.mutable_tls()->set_key_file(Path("key.pem"));
      if (configure) configure(config);
    });
    tls_port_ = server().tls_addresses().front().tcp.port();
  }

  // As StartTlsServer; clients need a certificate of the authority in ca.pem. Writes one
  // for mta.example to client.pem, and a stranger's to stranger.pem, each with its key.
  void StartCertifiedServer(const Configure& configure = nullptr) {
    const TestCertificate authority({.common_name = "authority", .authority = true});
    authority.Write(Path("ca.pem"), Path("ca.key"));
    TestCertificate({.names = {"mta.example"}, .issuer = &authority})
        .Write(Path("client.pem"), Path("client.key"));
    TestCertificate({.names = {"mta.example"}})
        .Write(Path("stranger.pem"), Path("stranger.key"));
    StartTlsServer([this, &configure](config::LmtpdConfig& config) {
      config.mutable_tls()->set_client_ca_file(Path("ca.pem"));
      config.set_require_client_certificate(true);
      if (configure) configure(config);
    });
  }

  // What MAIL is answered to a client that shows this certificate, or none.
  std::string MailWith(const std::string& name) {
    LmtpClient client(tls_port());
    EXPECT_TRUE(name.empty() ? client.Handshake()
                             : client.Handshake(Path(name + ".pem"), Path(name + ".key")));
    client.Greet();
    return client.Command("MAIL FROM:<>");
  }

  int tls_port() const { return tls_port_; }

 private:
  std::string dir_;
  int tls_port_ = 0;
};

TEST_F(TlsTest, DeliversOverImplicitTls) {
  StartTlsServer();
  LmtpClient client(tls_port());
  ASSERT_TRUE(client.Handshake());
  client.Greet();
  // Larger than a record, than the input buffer, and than a part.
  const std::string message = "Subject: x\r\n\r\n" + std::string(500'000, 'x') + "\r\n";
  for (const std::string& octets : {std::string("a\r\n"), message}) {
    BeginMessage(client, {"user"});
    client.Send(octets + ".\r\n");
    EXPECT_THAT(client.Reply(), StartsWith("250 2.0.0 Delivered"));
  }
  EXPECT_EQ(client.Command("QUIT"), "221 2.0.0 Bye");
  EXPECT_EQ(client.Rest(), "");
  const std::vector<FakeStorage::Delivery> deliveries = storage_.Deliveries(2);
  EXPECT_TRUE(deliveries[1].message == message);
  EXPECT_TRUE(deliveries[1].envelope.client().tls());
}

TEST_F(TlsTest, DeliversAfterStartTls) {
  StartTlsServer();
  LmtpClient client(port());
  EXPECT_THAT(client.Reply(), StartsWith("220 "));
  EXPECT_THAT(client.Command("LHLO client.example"), HasSubstr("|250-STARTTLS|"));
  EXPECT_EQ(client.Command("STARTTLS"), "220 2.0.0 Begin TLS");
  ASSERT_TRUE(client.Handshake());
  EXPECT_THAT(client.Command("LHLO client.example"), Not(HasSubstr("STARTTLS")));
  EXPECT_EQ(client.Command("STARTTLS"), "503 5.5.1 TLS is active already");
  BeginMessage(client, {"user"});
  EXPECT_THAT(client.Command("."), StartsWith("250 2.0.0 Delivered"));
  EXPECT_TRUE(storage_.Deliveries(1)[0].envelope.client().tls());
}

TEST_F(TlsTest, ForgetsWhatWasSaidInTheClear) {
  StartTlsServer();
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("MAIL FROM:<>"), StartsWith("250 "));
  EXPECT_THAT(client.Command("RCPT TO:<user>"), StartsWith("250 "));
  EXPECT_THAT(client.Command("STARTTLS now"), StartsWith("501 5.5.4 "));
  EXPECT_THAT(client.Command("STARTTLS"), StartsWith("220 "));
  ASSERT_TRUE(client.Handshake());
  EXPECT_EQ(client.Command("DATA"), "503 5.5.1 Send LHLO first");
  EXPECT_THAT(client.Command("LHLO client.example"), StartsWith("250-"));
  EXPECT_EQ(client.Command("RCPT TO:<user>"), "503 5.5.1 Send MAIL first");
}

TEST_F(TlsTest, ForgetsWhatXclientToldInTheClear) {
  StartTlsServer(
      [](config::LmtpdConfig& config) { config.add_xclient_networks("127.0.0.0/8"); });
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("XCLIENT ADDR=192.0.2.9"), StartsWith("220 "));
  EXPECT_THAT(client.Command("STARTTLS"), StartsWith("220 "));
  ASSERT_TRUE(client.Handshake());
  client.Command("LHLO client.example");
  BeginMessage(client, {"user"});
  EXPECT_THAT(client.Command("."), StartsWith("250 "));
  EXPECT_THAT(storage_.Deliveries(1)[0].envelope.client().remote_address(),
              StartsWith("127.0.0.1:"));
}

TEST_F(TlsTest, RefusesCommandsThatFollowStartTlsInTheClear) {
  StartTlsServer();
  LmtpClient client(port());
  client.Greet();
  client.Send("STARTTLS\r\nMAIL FROM:<>\r\nRCPT TO:<user>\r\n");
  EXPECT_THAT(client.Reply(), StartsWith("421 4.7.0 "));
  EXPECT_EQ(client.Rest(), "");
  EXPECT_TRUE(storage_.Checks().empty());
}

TEST_F(TlsTest, TakesNothingInTheClearForSaidUnderTls) {
  StartTlsServer();
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("STARTTLS"), StartsWith("220 "));
  client.Send("LHLO injected.example\r\n");
  EXPECT_FALSE(client.Handshake());
}

TEST_F(TlsTest, WithoutACertificateThereIsNoStartTls) {
  StartServer();
  LmtpClient client(port());
  client.Reply();
  EXPECT_THAT(client.Command("LHLO client.example"), Not(HasSubstr("STARTTLS")));
  EXPECT_THAT(client.Command("STARTTLS"), StartsWith("502 5.5.1 "));
}

TEST_F(TlsTest, TakesMailOverTlsAloneIfToldTo) {
  const std::string path =
      testing::TempDir() + "/lmtp-tls-" + std::to_string(getpid()) + ".sock";
  StartTlsServer([&path](config::LmtpdConfig& config) {
    config.set_require_tls(true);
    config.add_listen("unix:" + path);
  });
  LmtpClient client(port());
  client.Greet();
  EXPECT_EQ(client.Command("MAIL FROM:<>"), "530 5.7.0 Must issue a STARTTLS command first");
  client.Command("STARTTLS");
  ASSERT_TRUE(client.Handshake());
  client.Command("LHLO client.example");
  EXPECT_THAT(client.Command("MAIL FROM:<>"), StartsWith("250 "));
  LmtpClient local(path);
  local.Greet();
  EXPECT_THAT(local.Command("MAIL FROM:<>"), StartsWith("250 "));
}

TEST_F(TlsTest, TakesMailFromClientsWithACertificateAloneIfToldTo) {
  StartCertifiedServer();
  EXPECT_THAT(MailWith("client"), StartsWith("250 "));
  EXPECT_THAT(MailWith("stranger"), StartsWith("454 4.7.0 "));
  EXPECT_THAT(MailWith(""), StartsWith("454 4.7.0 "));
  LmtpClient client(port());
  client.Greet();
  EXPECT_THAT(client.Command("MAIL FROM:<>"), StartsWith("530 5.7.0 "));
}

TEST_F(TlsTest, TheCertificateMustHaveOneOfTheNames) {
  for (const std::string name : {"mta.example", "other.example"}) {
    StartCertifiedServer([&name](config::LmtpdConfig& config) {
      config.add_client_certificate_names("first.example");
      config.add_client_certificate_names(name);
    });
    EXPECT_THAT(MailWith("client"), StartsWith(name == "mta.example" ? "250 " : "454 4.7.0 "));
  }
}

TEST_F(TlsTest, AClientThatDoesNotSpeakTlsIsCutOff) {
  StartTlsServer([](config::LmtpdConfig& config) {
    *config.mutable_tls_handshake_timeout() = ToProto(absl::Milliseconds(50));
  });
  LmtpClient plain(tls_port());
  plain.Send("LHLO client.example\r\n");
  EXPECT_THAT(plain.Rest(), Not(HasSubstr("250")));
  LmtpClient silent(tls_port());
  EXPECT_EQ(silent.Rest(), "");
}

TEST_F(TlsTest, AHandshakeDoesNotHoldUpTheEnd) {
  StartTlsServer([](config::LmtpdConfig& config) {
    *config.mutable_tls_handshake_timeout() = ToProto(absl::Hours(1));
    *config.mutable_drain_time() = ToProto(absl::Hours(1));
  });
  LmtpClient silent(tls_port());
  LmtpClient greeted(tls_port());
  ASSERT_TRUE(greeted.Handshake());
  greeted.Greet();
  server().Stop();
  EXPECT_EQ(silent.Rest(), "");
  EXPECT_THAT(greeted.Rest(), StartsWith("421 4.3.2 "));
}

TEST_F(TlsTest, AWrongFileIsAnErrorAtTheStart) {
  config::LmtpdConfig config = DefaultConfig();
  config.mutable_tls()->set_certificate_file(Path("missing.pem"));
  config.mutable_tls()->set_key_file(Path("key.pem"));
  const auto server = Server::Start(config, nullptr);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("missing.pem"));
}

}  // namespace
}  // namespace restante::lmtp
