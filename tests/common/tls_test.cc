// The server's TLS context: which files it takes, and which connections.
#include "common/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace restante {
namespace {

using ::testing::HasSubstr;

template <typename T, void (*Free)(T*)>
struct Freer {
  void operator()(T* value) const { Free(value); }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX, SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Freer<SSL, SSL_free>>;

Certificate SelfSigned(EVP_PKEY* key, long valid_seconds) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_seconds);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_sign(certificate.get(), key, EVP_sha256());
  return certificate;
}

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/restante-tls-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    WritePair("cert.pem", "key.pem", 3600);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const { return (dir_ / name).string(); }

  void WritePair(const std::string& certificate_name, const std::string& key_name,
                 long valid_seconds, const EVP_CIPHER* cipher = nullptr) {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate = SelfSigned(key.get(), valid_seconds);
    FILE* file = fopen(Path(certificate_name).c_str(), "w");
    PEM_write_X509(file, certificate.get());
    fclose(file);
    file = fopen(Path(key_name).c_str(), "w");
    char passphrase[] = "secret";
    PEM_write_PrivateKey(file, key.get(), cipher,
                         cipher ? reinterpret_cast<unsigned char*>(passphrase) : nullptr,
                         cipher ? 6 : 0, nullptr, nullptr);
    fclose(file);
  }

  std::string ErrorOf(const std::string& certificate, const std::string& key) const {
    return std::string(MakeServerTls(Path(certificate), Path(key)).status().message());
  }

  // Shakes hands in memory; true when both sides are done.
  static bool Handshake(SSL* client, SSL* server) {
    BIO* client_end = nullptr;
    BIO* server_end = nullptr;
    BIO_new_bio_pair(&client_end, 0, &server_end, 0);
    SSL_set_bio(client, client_end, client_end);
    SSL_set_bio(server, server_end, server_end);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    int client_done = 0;
    int server_done = 0;
    for (int turn = 0; turn < 20 && (client_done != 1 || server_done != 1); ++turn) {
      client_done = SSL_do_handshake(client);
      server_done = SSL_do_handshake(server);
    }
    return client_done == 1 && server_done == 1;
  }

  std::filesystem::path dir_;
};

TEST_F(TlsTest, ServesTls13AndTls12) {
  auto server_context = MakeServerTls(Path("cert.pem"), Path("key.pem"));
  ASSERT_TRUE(server_context.ok()) << server_context.status();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Context client_context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_max_proto_version(client_context.get(), version);
    const Connection client(SSL_new(client_context.get()));
    const Connection server(SSL_new(server_context->native_handle()));
    ASSERT_TRUE(Handshake(client.get(), server.get()));
    EXPECT_EQ(SSL_version(client.get()), version);
    EXPECT_EQ(SSL_get_current_compression(client.get()), nullptr);
  }
}

TEST_F(TlsTest, RefusesTls11) {
  auto server_context = MakeServerTls(Path("cert.pem"), Path("key.pem"));
  ASSERT_TRUE(server_context.ok());
  const Context client_context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(client_context.get(), 0);
  SSL_CTX_set_min_proto_version(client_context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(client_context.get(), TLS1_1_VERSION);
  const Connection client(SSL_new(client_context.get()));
  const Connection server(SSL_new(server_context->native_handle()));
  EXPECT_FALSE(Handshake(client.get(), server.get()));
}

TEST_F(TlsTest, RefusesCiphersWithoutForwardSecrecy) {
  auto server_context = MakeServerTls(Path("cert.pem"), Path("key.pem"));
  ASSERT_TRUE(server_context.ok());
  const Context client_context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_max_proto_version(client_context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(client_context.get(), "AES128-SHA:AES256-GCM-SHA384");
  const Connection client(SSL_new(client_context.get()));
  const Connection server(SSL_new(server_context->native_handle()));
  EXPECT_FALSE(Handshake(client.get(), server.get()));
}

TEST_F(TlsTest, ResumesASessionByItsTicket) {
  auto server_context = MakeServerTls(Path("cert.pem"), Path("key.pem"));
  ASSERT_TRUE(server_context.ok());
  const Context client_context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_max_proto_version(client_context.get(), TLS1_2_VERSION);
  const Connection first(SSL_new(client_context.get()));
  const Connection first_server(SSL_new(server_context->native_handle()));
  ASSERT_TRUE(Handshake(first.get(), first_server.get()));
  const Connection second(SSL_new(client_context.get()));
  const Connection second_server(SSL_new(server_context->native_handle()));
  SSL_set_session(second.get(), SSL_get0_session(first.get()));
  ASSERT_TRUE(Handshake(second.get(), second_server.get()));
  EXPECT_EQ(SSL_session_reused(second.get()), 1);
}

TEST_F(TlsTest, AnExpiredCertificateStillServes) {
  WritePair("old.pem", "old-key.pem", -3600);
  EXPECT_TRUE(MakeServerTls(Path("old.pem"), Path("old-key.pem")).ok());
}

TEST_F(TlsTest, WrongFilesAreNamedWithWhatIsWrong) {
  std::ofstream(Path("empty.pem")).flush();
  std::ofstream(Path("text.pem")) << "not a certificate\n";
  WritePair("other.pem", "other-key.pem", 3600);
  WritePair("locked.pem", "locked-key.pem", 3600, EVP_aes_128_cbc());

  EXPECT_EQ(ErrorOf("missing.pem", "key.pem"),
            "certificate '" + Path("missing.pem") + "': No such file or directory");
  EXPECT_EQ(ErrorOf("cert.pem", "missing.pem"),
            "private key '" + Path("missing.pem") + "': No such file or directory");
  EXPECT_EQ(ErrorOf("empty.pem", "key.pem"),
            "certificate '" + Path("empty.pem") + "': the file is empty");
  EXPECT_THAT(ErrorOf("text.pem", "key.pem"), HasSubstr("no PEM certificate in it"));
  EXPECT_THAT(ErrorOf("cert.pem", "text.pem"), HasSubstr("no PEM private key in it"));
  EXPECT_THAT(ErrorOf("cert.pem", "cert.pem"), HasSubstr("no PEM private key in it"));
  EXPECT_THAT(ErrorOf("cert.pem", "other-key.pem"),
              HasSubstr("doesn't belong to the certificate '" + Path("cert.pem") + "'"));
  EXPECT_THAT(ErrorOf("locked.pem", "locked-key.pem"), HasSubstr("it is encrypted"));
  EXPECT_EQ(ErrorOf("", "key.pem"), "certificate '" + Path("") + "': Is a directory");
  EXPECT_EQ(MakeServerTls("", "").status().message(), "no certificate file is configured");
}

}  // namespace
}  // namespace restante
