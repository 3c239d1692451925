// The server's TLS: which files it takes, and which connections.
#include "common/tls.h"

#include <openssl/err.h>

#include <fstream>
#include <functional>

#include "tests/common/tls_fixture.h"

namespace restante {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TlsTest : public TlsFixture {
 protected:
  std::string ErrorOf(const std::string& certificate, const std::string& key) const {
    ServerTlsOptions options;
    options.certificates = {{Path(certificate), Path(key)}};
    return std::string(ServerTls::Create(options).status().message());
  }

  // Two handshakes, the second with the session of the first; whether it was resumed.
  static bool Resumes(
      ServerTls& tls, int version, SSL_CTX* context = nullptr,
      const std::function<void()>& between = [] {}) {
    const TlsContext own = ClientContext(version);
    if (context == nullptr) context = own.get();
    SSL_SESSION* session = nullptr;
    {
      const TlsConnection client(SSL_new(context));
      const TlsConnection server = tls.NewConnection();
      EXPECT_TRUE(Handshake(client.get(), server.get()));
      session = SSL_get1_session(client.get());
      // A connection that breaks off takes its session along.
      SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    between();
    const TlsConnection client(SSL_new(context));
    const TlsConnection server = tls.NewConnection();
    SSL_set_session(client.get(), session);
    SSL_SESSION_free(session);
    EXPECT_TRUE(Handshake(client.get(), server.get()));
    return SSL_session_reused(client.get()) == 1;
  }
};

TEST_F(TlsTest, ServesTls13AndTls12) {
  const auto tls = Make(Options());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsContext context = ClientContext(version);
    const TlsConnection client(SSL_new(context.get()));
    const TlsConnection server = tls->NewConnection();
    ASSERT_TRUE(Handshake(client.get(), server.get()));
    EXPECT_EQ(SSL_version(client.get()), version);
    EXPECT_EQ(SSL_get_current_compression(client.get()), nullptr);
  }
}

TEST_F(TlsTest, RefusesTls11) {
  const auto tls = Make(Options());
  const TlsContext context = ClientContext();
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  const TlsConnection client(SSL_new(context.get()));
  const TlsConnection server = tls->NewConnection();
  EXPECT_FALSE(Handshake(client.get(), server.get()));
}

TEST_F(TlsTest, RefusesCiphersWithoutForwardSecrecy) {
  const auto tls = Make(Options());
  const TlsContext context = ClientContext(TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), "AES128-SHA:AES256-GCM-SHA384");
  const TlsConnection client(SSL_new(context.get()));
  const TlsConnection server = tls->NewConnection();
  EXPECT_FALSE(Handshake(client.get(), server.get()));
}

TEST_F(TlsTest, ResumesASessionByItsTicket) {
  const auto tls = Make(Options());
  EXPECT_TRUE(Resumes(*tls, TLS1_2_VERSION));
  EXPECT_TRUE(Resumes(*tls, TLS1_3_VERSION));
}

TEST_F(TlsTest, ResumesASessionOfBeforeAChangeOfCertificates) {
  const auto tls = Make(Options());
  const auto change = [&] {
    TestCertificate().Write(Path("cert.pem"), Path("key.pem"));
    EXPECT_TRUE(tls->ReloadIfChanged());
  };
  EXPECT_TRUE(Resumes(*tls, TLS1_2_VERSION, nullptr, change));
  EXPECT_TRUE(Resumes(*tls, TLS1_3_VERSION, nullptr, change));
}

TEST_F(TlsTest, ResumesNoSessionOfAnotherServer) {
  const auto tls = Make(Options());
  const auto other = Make(Options());
  const TlsContext context = ClientContext(TLS1_2_VERSION);
  const TlsConnection client(SSL_new(context.get()));
  const TlsConnection server = tls->NewConnection();
  ASSERT_TRUE(Handshake(client.get(), server.get()));
  const TlsConnection again(SSL_new(context.get()));
  SSL_set_session(again.get(), SSL_get0_session(client.get()));
  const TlsConnection other_server = other->NewConnection();
  ASSERT_TRUE(Handshake(again.get(), other_server.get()));
  EXPECT_EQ(SSL_session_reused(again.get()), 0);
}

TEST_F(TlsTest, ChoosesItsApplicationProtocol) {
  ServerTlsOptions options = Options();
  options.alpn = "pop3";
  const auto tls = Make(options);
  const TlsContext context = ClientContext();
  const unsigned char offer[] = "\4imap\4pop3";
  SSL_CTX_set_alpn_protos(context.get(), offer, sizeof(offer) - 1);
  const TlsConnection client(SSL_new(context.get()));
  const TlsConnection server = tls->NewConnection();
  ASSERT_TRUE(Handshake(client.get(), server.get()));
  const unsigned char* chosen = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(client.get(), &chosen, &length);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), length), "pop3");
}

TEST_F(TlsTest, RefusesAClientThatOffersOnlyOtherProtocols) {
  ServerTlsOptions options = Options();
  options.alpn = "pop3";
  const auto tls = Make(options);
  const TlsContext context = ClientContext();
  const unsigned char offer[] = "\2h2\10http/1.1";
  SSL_CTX_set_alpn_protos(context.get(), offer, sizeof(offer) - 1);
  const TlsConnection client(SSL_new(context.get()));
  const TlsConnection server = tls->NewConnection();
  ERR_clear_error();
  EXPECT_FALSE(Handshake(client.get(), server.get()));
  bool alert = false;
  while (const unsigned long code = ERR_get_error()) {
    alert |= ERR_GET_REASON(code) == SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL;
  }
  EXPECT_TRUE(alert);
}

TEST_F(TlsTest, ServesAClientThatOffersNoProtocol) {
  ServerTlsOptions options = Options();
  options.alpn = "pop3";
  EXPECT_EQ(ServedTo(*Make(options), ""), "localhost");
}

TEST_F(TlsTest, AnExpiredCertificateStillServes) {
  TestCertificate({.valid_seconds = -3600}).Write(Path("cert.pem"), Path("key.pem"));
  EXPECT_EQ(ServedTo(*Make(Options()), ""), "localhost");
}

TEST_F(TlsTest, WrongFilesAreNamedWithWhatIsWrong) {
  std::ofstream(Path("empty.pem")).flush();
  WriteFile(Path("text.pem"), "not a certificate\n");
  WriteFile(Path("cut.pem"), TestCertificate().CertificatePem().substr(0, 300));
  const TestCertificate other;
  other.Write(Path("other.pem"), Path("other-key.pem"));
  WriteFile(Path("locked-key.pem"), other.KeyPem("secret"));

  EXPECT_EQ(ErrorOf("missing.pem", "key.pem"),
            "certificate '" + Path("missing.pem") + "': No such file or directory");
  EXPECT_EQ(ErrorOf("cert.pem", "missing.pem"),
            "private key '" + Path("missing.pem") + "': No such file or directory");
  EXPECT_EQ(ErrorOf("empty.pem", "key.pem"),
            "certificate '" + Path("empty.pem") + "': the file is empty");
  EXPECT_THAT(ErrorOf("text.pem", "key.pem"), HasSubstr("no PEM certificate in it"));
  EXPECT_THAT(ErrorOf("cut.pem", "key.pem"), HasSubstr("certificate '" + Path("cut.pem")));
  EXPECT_THAT(ErrorOf("cert.pem", "text.pem"), HasSubstr("no PEM private key in it"));
  EXPECT_THAT(ErrorOf("cert.pem", "cert.pem"), HasSubstr("no PEM private key in it"));
  EXPECT_THAT(ErrorOf("cert.pem", "other-key.pem"),
              HasSubstr("doesn't belong to the certificate '" + Path("cert.pem") + "'"));
  EXPECT_THAT(ErrorOf("other.pem", "locked-key.pem"), HasSubstr("it is encrypted"));
  EXPECT_EQ(ErrorOf("", "key.pem"), "certificate '" + Path("") + "': Is a directory");
  EXPECT_EQ(ServerTls::Create({}).status().message(), "no certificate file is configured");
  ServerTlsOptions options = Options();
  options.client_ca_file = Path("text.pem");
  EXPECT_THAT(std::string(ServerTls::Create(options).status().message()),
              HasSubstr("client authorities '" + Path("text.pem")));
}

class ClientCertificateTest : public TlsTest {
 protected:
  void SetUp() override {
    TlsTest::SetUp();
    WriteFile(Path("ca.pem"), root_.CertificatePem());
    ServerTlsOptions options = Options();
    options.client_ca_file = Path("ca.pem");
    tls_ = Make(options);
  }

  static TlsContext ContextOf(const TestCertificate& certificate,
                              const TestCertificate* intermediate = nullptr, int version = 0) {
    TlsContext context = ClientContext(version);
    SSL_CTX_use_certificate(context.get(), certificate.certificate());
    SSL_CTX_use_PrivateKey(context.get(), certificate.key());
    if (intermediate != nullptr) {
      SSL_CTX_add1_chain_cert(context.get(), intermediate->certificate());
    }
    return context;
  }

  const TestCertificate root_{{.common_name = "root", .authority = true}};
  const TestCertificate middle_{{.common_name = "middle", .authority = true, .issuer = &root_}};
  const TestCertificate user_{{.common_name = "user", .issuer = &middle_}};
  std::unique_ptr<ServerTls> tls_;
};

TEST_F(ClientCertificateTest, AreVerifiedAndHandedOverWithTheirChain) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsContext context = ContextOf(user_, &middle_, version);
    const TlsConnection client(SSL_new(context.get()));
    const TlsConnection server = tls_->NewConnection();
    ASSERT_TRUE(Handshake(client.get(), server.get()));
    EXPECT_TRUE(HasVerifiedPeer(server.get()));
    EXPECT_THAT(PeerCertificates(server.get()), ElementsAre(user_.der(), middle_.der()));
  }
}

TEST_F(ClientCertificateTest, AreAChoice) {
  const TlsContext context = ClientContext();
  const TlsConnection client(SSL_new(context.get()));
  const TlsConnection server = tls_->NewConnection();
  ASSERT_TRUE(Handshake(client.get(), server.get()));
  EXPECT_FALSE(HasVerifiedPeer(server.get()));
  EXPECT_TRUE(PeerCertificates(server.get()).empty());
}

TEST_F(ClientCertificateTest, ProveNothingWhenNoAuthorityStandsForThem) {
  const TestCertificate stranger({.common_name = "stranger"});
  const TestCertificate expired(
      {.common_name = "expired", .valid_seconds = -3600, .issuer = &root_});
  for (const auto* each : {&stranger, &expired, &user_}) {
    // That of the user without the intermediate one.
    const TlsContext context = ContextOf(*each);
    const TlsConnection client(SSL_new(context.get()));
    const TlsConnection server = tls_->NewConnection();
    ASSERT_TRUE(Handshake(client.get(), server.get()));
    EXPECT_FALSE(HasVerifiedPeer(server.get()));
  }
}

TEST_F(ClientCertificateTest, AreProvedAnewInEachConnection) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const TlsContext context = ContextOf(user_, &middle_, version);
    EXPECT_FALSE(Resumes(*tls_, version, context.get()));
    EXPECT_TRUE(Resumes(*tls_, version));
  }
}

}  // namespace
}  // namespace restante
