// Client certificates and SASL EXTERNAL; ALPN; certificates that change meanwhile.
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/common/certificates.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class ExternalTest : public SessionTest {
 protected:
  ExternalTest() {
    storage_.AddAccount("user", "secret", {"1\r\n"});
    // The fake service knows nothing of certificates: an empty password will do.
    storage_.AddAccount("holder", "", {"1\r\n", "2\r\n"});
    storage_.AddAccount("", "", {});
    options_.settings.allow_cleartext_passwords = false;
    WriteFile(Path("ca.pem"), authority_.CertificatePem());
    UseTls({.certificates = {{Path("cert.pem"), Path("key.pem")}},
            .client_ca_file = Path("ca.pem"),
            .alpn = "pop3"});
  }

  std::unique_ptr<Client> ConnectWith(const TestCertificate* certificate) {
    StartServer();
    auto client = std::make_unique<Client>(server_->tls_addresses().front());
    Prepare(*client, certificate);
    return client;
  }

  static void Prepare(Client& client, const TestCertificate* certificate) {
    if (certificate != nullptr) {
      SSL_CTX_use_certificate(client.tls_context(), certificate->certificate());
      SSL_CTX_use_PrivateKey(client.tls_context(), certificate->key());
    }
  }

  const TestCertificate authority_{{.common_name = "authority", .authority = true}};
  const TestCertificate own_{{.common_name = "holder", .issuer = &authority_}};
  const TestCertificate strange_{{.common_name = "holder"}};
};

TEST_F(ExternalTest, LogsInByTheCertificateAndTheNameGiven) {
  auto client = ConnectWith(&own_);
  ASSERT_TRUE(client->Handshake());
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_EQ(client->Command(absl::StrCat("AUTH EXTERNAL ", absl::Base64Escape("holder"))),
            "+OK Logged in.");
  EXPECT_EQ(client->Command("STAT"), "+OK 2 6");
  const v1::LoginRequest login = storage_.last_login();
  EXPECT_EQ(login.address(), "holder");
  EXPECT_EQ(login.password(), "");
  EXPECT_THAT(login.client_certificates(), ElementsAre(own_.der()));
}

TEST_F(ExternalTest, LeavesTheNameToTheCertificateForAnEmptyResponse) {
  for (const bool initial : {true, false}) {
    SCOPED_TRACE(initial);
    if (server_ == nullptr) StartServer();
    Client client(server_->tls_addresses().front());
    Prepare(client, &own_);
    ASSERT_TRUE(client.Handshake());
    EXPECT_THAT(client.ReadLine(), StartsWith("+OK"));
    if (initial) {
      EXPECT_EQ(client.Command("AUTH EXTERNAL ="), "+OK Logged in.");
    } else {
      EXPECT_EQ(client.Command("auth external"), "+ ");
      EXPECT_EQ(client.Command(""), "+OK Logged in.");
    }
    EXPECT_EQ(storage_.last_login().address(), "");
    EXPECT_EQ(client.Command("QUIT"), "+OK Logging out.");
  }
}

TEST_F(ExternalTest, ListsExternalForAVerifiedCertificateBeforeLoginAndAfter) {
  auto client = ConnectWith(&own_);
  ASSERT_TRUE(client->Handshake());
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_THAT(client->MultiLine("CAPA"), HasSubstr("\r\nSASL PLAIN EXTERNAL\r\n"));
  EXPECT_EQ(client->MultiLine("AUTH"), "PLAIN\r\nEXTERNAL\r\n");
  client->Command("AUTH EXTERNAL =");
  EXPECT_THAT(client->MultiLine("CAPA"), HasSubstr("\r\nSASL PLAIN EXTERNAL\r\n"));
}

TEST_F(ExternalTest, KnowsNoExternalForAnybodyElse) {
  const TestCertificate* const without[] = {nullptr, &strange_};
  for (const TestCertificate* certificate : without) {
    if (server_ == nullptr) StartServer();
    Client client(server_->tls_addresses().front());
    Prepare(client, certificate);
    ASSERT_TRUE(client.Handshake());
    EXPECT_THAT(client.ReadLine(), StartsWith("+OK"));
    EXPECT_THAT(client.MultiLine("CAPA"), Not(HasSubstr("EXTERNAL")));
    EXPECT_EQ(client.Command("AUTH EXTERNAL ="), "-ERR Unknown mechanism.");
    // The certificate is wrong, the password needn't be.
    client.Command("USER user");
    EXPECT_EQ(client.Command("PASS secret"), "+OK Logged in.");
    EXPECT_THAT(storage_.last_login().client_certificates(), IsEmpty());
    EXPECT_EQ(client.Command("QUIT"), "+OK Logging out.");
  }
}

TEST_F(ExternalTest, KnowsNoExternalBeforeStlsAndKnowsItAfter) {
  auto client = Connect();
  Prepare(*client, &own_);
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_THAT(client->MultiLine("CAPA"), Not(HasSubstr("SASL")));
  EXPECT_EQ(client->Command("AUTH EXTERNAL ="), "-ERR Unknown mechanism.");
  client->Command("STLS");
  ASSERT_TRUE(client->Handshake());
  EXPECT_THAT(client->MultiLine("CAPA"), HasSubstr("\r\nSASL PLAIN EXTERNAL\r\n"));
  EXPECT_EQ(client->Command("AUTH EXTERNAL ="), "+OK Logged in.");
}

TEST_F(ExternalTest, TellsAWrongNameAsAWrongPassword) {
  auto client = ConnectWith(&own_);
  ASSERT_TRUE(client->Handshake());
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  EXPECT_EQ(client->Command(absl::StrCat("AUTH EXTERNAL ", absl::Base64Escape("user"))),
            "-ERR [AUTH] Authentication failed.");
}

TEST_F(ExternalTest, RefusesResponsesThatAreNoNames) {
  auto client = ConnectWith(&own_);
  ASSERT_TRUE(client->Handshake());
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
  const std::string with_nul = absl::Base64Escape(absl::string_view("a\0b", 3));
  EXPECT_THAT(client->Command("AUTH EXTERNAL !!"), StartsWith("-ERR This is not"));
  EXPECT_THAT(client->Command("AUTH EXTERNAL YQ"), StartsWith("-ERR This is not"));
  EXPECT_THAT(client->Command(absl::StrCat("AUTH EXTERNAL ", with_nul)),
              StartsWith("-ERR This is not"));
  EXPECT_THAT(client->Command("AUTH EXTERNAL 6A=="), StartsWith("-ERR [AUTH]"));
  EXPECT_EQ(client->Command("AUTH EXTERNAL"), "+ ");
  EXPECT_EQ(client->Command("*"), "-ERR Authentication cancelled.");
  EXPECT_EQ(storage_.logins(), 0);
}

TEST_F(ExternalTest, AgreesOnPop3ByAlpnAndRefusesOthers) {
  auto client = ConnectWith(nullptr);
  const unsigned char pop3[] = "\4pop3";
  SSL_CTX_set_alpn_protos(client->tls_context(), pop3, sizeof(pop3) - 1);
  ASSERT_TRUE(client->Handshake());
  EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));

  Client other(server_->tls_addresses().front());
  const unsigned char imap[] = "\4imap";
  SSL_CTX_set_alpn_protos(other.tls_context(), imap, sizeof(imap) - 1);
  EXPECT_FALSE(other.Handshake());
}

TEST_F(ExternalTest, ServesANewCertificateWithoutARestart) {
  options_.tls_reload_interval = absl::Milliseconds(1);
  StartServer();
  TestCertificate({.common_name = "renewed"}).Write(Path("cert.pem"), Path("key.pem"));
  const absl::Time patience = absl::Now() + absl::Seconds(20);
  std::string name;
  while (name != "renewed" && absl::Now() < patience) {
    Client client(server_->tls_addresses().front(), /*tls=*/true);
    name = client.ServerName();
  }
  EXPECT_EQ(name, "renewed");
}

}  // namespace
}  // namespace restante::pop3
