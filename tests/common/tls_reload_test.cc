// TLS files that change while a server runs.
#include "common/tls_reload.h"

#include <filesystem>
#include <fstream>

#include "tests/common/tls_fixture.h"

namespace restante {
namespace {

namespace fs = std::filesystem;

class TlsReloadTest : public TlsFixture {
 protected:
  static void WriteNamed(const std::string& name, const std::string& certificate_path,
                         const std::string& key_path) {
    TestCertificate({.common_name = name}).Write(certificate_path, key_path);
  }
};

TEST_F(TlsReloadTest, NothingIsReadAgainThatHasNotChanged) {
  const auto tls = Make(Options());
  EXPECT_FALSE(tls->ReloadIfChanged());
}

TEST_F(TlsReloadTest, FilesThatAreReplacedComeIntoForce) {
  const auto tls = Make(Options());
  WriteNamed("new", Path("cert.pem"), Path("key.pem"));
  EXPECT_EQ(ServedTo(*tls, ""), "localhost");
  EXPECT_TRUE(tls->ReloadIfChanged());
  EXPECT_EQ(ServedTo(*tls, ""), "new");
  EXPECT_FALSE(tls->ReloadIfChanged());
}

TEST_F(TlsReloadTest, FilesThatAreWrittenInPlaceComeIntoForce) {
  const auto tls = Make(Options());
  const TestCertificate fresh({.common_name = "another-name"});
  std::ofstream(Path("cert.pem")) << fresh.CertificatePem();
  std::ofstream(Path("key.pem")) << fresh.KeyPem();
  EXPECT_TRUE(tls->ReloadIfChanged());
  EXPECT_EQ(ServedTo(*tls, ""), "another-name");
}

// As the kubelet does it: the files are links into ..data, itself a link to a
// directory that is made anew for each version.
TEST_F(TlsReloadTest, ASecretThatKubernetesSwapsComesIntoForce) {
  fs::create_directory(Path("v1"));
  WriteNamed("one", Path("v1/tls.crt"), Path("v1/tls.key"));
  fs::create_directory_symlink("v1", Path("..data"));
  fs::create_symlink("..data/tls.crt", Path("tls.crt"));
  fs::create_symlink("..data/tls.key", Path("tls.key"));
  ServerTlsOptions options;
  options.certificates = {{Path("tls.crt"), Path("tls.key")}};
  const auto tls = Make(options);
  EXPECT_EQ(ServedTo(*tls, ""), "one");

  fs::create_directory(Path("v2"));
  WriteNamed("two", Path("v2/tls.crt"), Path("v2/tls.key"));
  EXPECT_FALSE(tls->ReloadIfChanged());
  fs::create_directory_symlink("v2", Path("..data_tmp"));
  fs::rename(Path("..data_tmp"), Path("..data"));
  fs::remove_all(Path("v1"));
  EXPECT_TRUE(tls->ReloadIfChanged());
  EXPECT_EQ(ServedTo(*tls, ""), "two");
}

TEST_F(TlsReloadTest, TheOldPairStaysInForceWhileTheNewOneIsWrong) {
  const auto tls = Make(Options());
  const TestCertificate fresh({.common_name = "new"});
  // A certificate without its key, as between two writes.
  WriteFile(Path("cert.pem"), fresh.CertificatePem());
  EXPECT_FALSE(tls->ReloadIfChanged());
  EXPECT_EQ(ServedTo(*tls, ""), "localhost");
  fs::remove(Path("key.pem"));
  EXPECT_FALSE(tls->ReloadIfChanged());
  EXPECT_EQ(ServedTo(*tls, ""), "localhost");
  WriteFile(Path("key.pem"), fresh.KeyPem());
  EXPECT_TRUE(tls->ReloadIfChanged());
  EXPECT_EQ(ServedTo(*tls, ""), "new");
}

TEST_F(TlsReloadTest, WrongFilesAreReportedOnceForEachWayInWhichTheyAreWrong) {
  const auto tls = Make(Options());
  WriteFile(Path("cert.pem"), "nothing\n");
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(tls->ReloadIfChanged());
  WriteFile(Path("cert.pem"), "");
  EXPECT_FALSE(tls->ReloadIfChanged());
  const std::string log = testing::internal::GetCapturedStderr();
  int lines = 0;
  for (size_t at = 0; (at = log.find("can't be used", at)) != log.npos; ++at) ++lines;
  EXPECT_EQ(lines, 2) << log;
  EXPECT_THAT(log, testing::HasSubstr(Path("cert.pem")));
}

TEST_F(TlsReloadTest, ConnectionsOfBeforeGoOn) {
  const auto tls = Make(Options());
  const TlsContext context = ClientContext();
  const TlsConnection client(SSL_new(context.get()));
  const TlsConnection server = tls->NewConnection();
  WriteNamed("new", Path("cert.pem"), Path("key.pem"));
  EXPECT_TRUE(tls->ReloadIfChanged());
  ASSERT_TRUE(Handshake(client.get(), server.get()));
  EXPECT_EQ(SSL_write(server.get(), "hello", 5), 5);
  char octets[8];
  EXPECT_EQ(SSL_read(client.get(), octets, sizeof(octets)), 5);
}

TEST_F(TlsReloadTest, AuthoritiesForClientsAreReadAgainToo) {
  const TestCertificate first({.common_name = "first", .authority = true});
  const TestCertificate second({.common_name = "second", .authority = true});
  const TestCertificate user({.common_name = "user", .issuer = &second});
  WriteFile(Path("ca.pem"), first.CertificatePem());
  ServerTlsOptions options = Options();
  options.client_ca_file = Path("ca.pem");
  const auto tls = Make(options);
  const TlsContext context = ClientContext();
  SSL_CTX_use_certificate(context.get(), user.certificate());
  SSL_CTX_use_PrivateKey(context.get(), user.key());
  const auto verified = [&] {
    const TlsConnection client(SSL_new(context.get()));
    const TlsConnection server = tls->NewConnection();
    return Handshake(client.get(), server.get()) && HasVerifiedPeer(server.get());
  };
  EXPECT_FALSE(verified());
  WriteFile(Path("ca.pem"), first.CertificatePem() + second.CertificatePem());
  EXPECT_TRUE(tls->ReloadIfChanged());
  EXPECT_TRUE(verified());
}

TEST_F(TlsReloadTest, AThreadOfItsOwnLooksAtThem) {
  const auto tls = Make(Options());
  const TlsReloader reloader(*tls, absl::Milliseconds(1));
  WriteNamed("new", Path("cert.pem"), Path("key.pem"));
  const absl::Time patience = absl::Now() + absl::Seconds(20);
  while (ServedTo(*tls, "") != "new" && absl::Now() < patience) {
  }
  EXPECT_EQ(ServedTo(*tls, ""), "new");
}

TEST_F(TlsReloadTest, TheThreadEndsAtOnceHoweverLongItSleeps) {
  const auto tls = Make(Options());
  const TlsReloader reloader(*tls, absl::Hours(1));
}

}  // namespace
}  // namespace restante
