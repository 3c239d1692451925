// Logging in by a client certificate (SASL EXTERNAL): which chains and which names are
// taken.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/accounts/directory_fixture.h"

namespace restante::store {
namespace {

struct Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};

// A certificate and its key.
struct Identity {
  std::unique_ptr<X509, Free> certificate;
  std::unique_ptr<EVP_PKEY, Free> key;

  std::string Der() const {
    unsigned char* octets = nullptr;
    const int length = i2d_X509(certificate.get(), &octets);
    std::string der(reinterpret_cast<char*>(octets), static_cast<size_t>(length));
    OPENSSL_free(octets);
    return der;
  }
};

struct Wanted {
  std::string name = "client";
  bool authority = false;
  std::string smtp_utf8_mailbox;  // in place of `names`
  std::string names;              // as OpenSSL's configuration has them
  std::string usage = "clientAuth";
  int64_t begin_s = 1'700'000'000 - 1000;  // the fake clock's time
  int64_t end_s = 1'700'000'000 + 1000;
};

Identity Make(const Wanted& wanted, const Identity* issuer) {
  static int64_t serial = 0;
  Identity made{std::unique_ptr<X509, Free>(X509_new()),
                std::unique_ptr<EVP_PKEY, Free>(EVP_EC_gen("P-256"))};
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), ++serial);
  ASN1_TIME_set(X509_getm_notBefore(certificate), wanted.begin_s);
  ASN1_TIME_set(X509_getm_notAfter(certificate), wanted.end_s);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wanted.name.c_str()), -1,
                             -1, 0);
  X509* const parent = issuer == nullptr ? certificate : issuer->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(parent));
  const auto add = [&](int nid, const std::string& value) {
    if (value.empty()) return;
    X509V3_CTX context;
    X509V3_set_ctx(&context, parent, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, Free> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    ASSERT_NE(extension, nullptr) << value;
    X509_add_ext(certificate, extension.get(), -1);
  };
  add(NID_basic_constraints, wanted.authority ? "critical,CA:TRUE" : "CA:FALSE");
  if (!wanted.authority) add(NID_ext_key_usage, wanted.usage);
  add(NID_subject_alt_name, wanted.names);
  if (!wanted.smtp_utf8_mailbox.empty()) {
    // OpenSSL's configuration can't say UTF-8.
    ASN1_TYPE* const value = ASN1_TYPE_new();
    ASN1_UTF8STRING* const text = ASN1_UTF8STRING_new();
    ASN1_STRING_set(text, wanted.smtp_utf8_mailbox.data(),
                    static_cast<int>(wanted.smtp_utf8_mailbox.size()));
    ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
    GENERAL_NAME* const name = GENERAL_NAME_new();
    GENERAL_NAME_set0_othername(name, OBJ_txt2obj("1.3.6.1.5.5.7.8.9", 1), value);
    GENERAL_NAMES* const names = GENERAL_NAMES_new();
    sk_GENERAL_NAME_push(names, name);
    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
    GENERAL_NAMES_free(names);
  }
  X509_sign(certificate, issuer == nullptr ? made.key.get() : issuer->key.get(), EVP_sha256());
  return made;
}

class DirectoryExternal : public DirectoryTest {
 protected:
  DirectoryExternal()
      : folder_(std::filesystem::temp_directory_path() /
                absl::StrCat("restante-external-", getpid())),
        root_(Make({.name = "root", .authority = true}, nullptr)) {
    std::filesystem::create_directory(folder_);
    options_.client_ca_file = (folder_ / "ca.pem").string();
    Trust({&root_});
    Restart();
    EXPECT_TRUE(Create("user@example.org").ok());
    EXPECT_TRUE(Create("other@example.org").ok());
  }
  ~DirectoryExternal() override { std::filesystem::remove_all(folder_); }

  // Renamed into its place, as whoever rotates such files does.
  void Trust(const std::vector<const Identity*>& authorities) {
    const std::string path = options_.client_ca_file;
    FILE* const file = std::fopen((path + ".new").c_str(), "w");
    ASSERT_NE(file, nullptr);
    for (const Identity* authority : authorities) {
      PEM_write_X509(file, authority->certificate.get());
    }
    std::fclose(file);
    std::filesystem::rename(path + ".new", path);
  }

  Identity Client(const std::string& names = "email:user@example.org") {
    return Make({.names = names}, &root_);
  }

  absl::StatusOr<Entry> LoginBy(std::vector<std::string> chain, std::string address = "") {
    return SyncWait(directory_->VerifyCertificates(std::move(chain), std::move(address), {}));
  }
  v1::ErrorReason ReasonBy(std::vector<std::string> chain, std::string address = "") {
    const absl::StatusOr<Entry> entry = LoginBy(std::move(chain), std::move(address));
    EXPECT_FALSE(entry.ok());
    return ReasonOf(entry.status());
  }

  const std::filesystem::path folder_;
  const Identity root_;
};

constexpr auto kRefused = v1::ERROR_REASON_BAD_CREDENTIALS;

TEST_F(DirectoryExternal, TheAddressThatACertificateNamesIsLoggedIn) {
  const auto entry = LoginBy({Client().Der()});
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ((*entry)->address, "user@example.org");
  EXPECT_TRUE(LoginBy({Client().Der()}, "USER@Example.org").ok());
}

TEST_F(DirectoryExternal, NamesAreComparedAsAddressesAre) {
  ASSERT_TRUE(Create("j\u00F6rg@b\u00FCcher.example").ok());
  EXPECT_TRUE(LoginBy({Client("email:USER@EXAMPLE.ORG").Der()}).ok());
  const Identity utf8 = Make({.smtp_utf8_mailbox = "J\u00F6rg@xn--bcher-kva.example"}, &root_);
  const auto entry = LoginBy({utf8.Der()});
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ((*entry)->address, "j\u00F6rg@b\u00FCcher.example");
}

TEST_F(DirectoryExternal, AmongSeveralNamesTheClientHasToChoose) {
  const Identity both = Client("email:user@example.org,email:other@example.org");
  EXPECT_EQ(ReasonBy({both.Der()}), kRefused);
  EXPECT_EQ((*LoginBy({both.Der()}, "other@example.org"))->address, "other@example.org");
  EXPECT_EQ(ReasonBy({both.Der()}, "third@example.org"), kRefused);
  const Identity twice = Client("email:user@example.org,email:User@Example.Org");
  EXPECT_TRUE(LoginBy({twice.Der()}).ok()) << "two ways to write one address";
}

TEST_F(DirectoryExternal, ACertificateWithoutAnAddressOfAnAccountIsRefused) {
  EXPECT_EQ(ReasonBy({Client("").Der()}), kRefused);
  EXPECT_EQ(ReasonBy({Client("DNS:example.org").Der()}), kRefused);
  EXPECT_EQ(ReasonBy({Client("email:nobody@example.org").Der()}), kRefused);
  EXPECT_EQ(ReasonBy({Client("email:user+detail@example.org").Der()}), kRefused);
  EXPECT_EQ(ReasonBy({Client().Der()}, "other@example.org"), kRefused);
}

TEST_F(DirectoryExternal, TheNameInTheSubjectDoesNotCount) {
  EXPECT_EQ(ReasonBy({Make({.name = "user@example.org"}, &root_).Der()}), kRefused);
}

TEST_F(DirectoryExternal, IntermediateCertificatesComeFromTheClient) {
  const Identity middle = Make({.name = "middle", .authority = true}, &root_);
  const Identity client = Make({.names = "email:user@example.org"}, &middle);
  EXPECT_EQ(ReasonBy({client.Der()}), kRefused);
  EXPECT_TRUE(LoginBy({client.Der(), middle.Der()}).ok());
  Trust({&middle});
  EXPECT_TRUE(LoginBy({client.Der()}).ok()) << "an intermediate authority alone is enough";
}

TEST_F(DirectoryExternal, ChainsThatDoNotHoldAreRefused) {
  const Identity stranger = Make({.name = "root", .authority = true}, nullptr);
  const std::string names = "email:user@example.org";
  EXPECT_EQ(ReasonBy({Make({.names = names}, &stranger).Der()}), kRefused);
  EXPECT_EQ(ReasonBy({Make({.names = names}, &stranger).Der(), stranger.Der()}), kRefused);
  EXPECT_EQ(ReasonBy({Make({.names = names}, nullptr).Der()}), kRefused);
  // Signed by somebody who is no authority.
  const Identity client = Client();
  EXPECT_EQ(ReasonBy({Make({.names = names}, &client).Der(), client.Der()}), kRefused);
}

TEST_F(DirectoryExternal, ACertificateCountsFromItsFirstToItsLastMoment) {
  const std::string der = Client().Der();
  clock_.Advance(absl::Seconds(999));
  EXPECT_TRUE(LoginBy({der}).ok());
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(ReasonBy({der}), kRefused);
  const Identity early = Make({.names = "email:user@example.org",
                               .begin_s = 1'700'000'000 + 2000,
                               .end_s = 1'700'000'000 + 3000},
                              &root_);
  EXPECT_EQ(ReasonBy({early.Der()}), kRefused);
}

TEST_F(DirectoryExternal, ACertificateMustBeForClients) {
  const std::string names = "email:user@example.org";
  EXPECT_EQ(ReasonBy({Make({.names = names, .usage = "serverAuth"}, &root_).Der()}), kRefused);
  EXPECT_TRUE(LoginBy({Make({.names = names, .usage = ""}, &root_).Der()}).ok());
}

TEST_F(DirectoryExternal, RubbishIsRefused) {
  const std::string der = Client().Der();
  EXPECT_EQ(ReasonBy({"rubbish"}), kRefused);
  EXPECT_EQ(ReasonBy({""}), kRefused);
  EXPECT_EQ(ReasonBy({der + "x"}), kRefused);
  EXPECT_EQ(ReasonBy({der, "rubbish"}), kRefused);
  EXPECT_EQ(ReasonBy(std::vector<std::string>(11, der)), kRefused);
  EXPECT_EQ(ReasonBy({std::string(100'000, 'x')}), kRefused);
}

TEST_F(DirectoryExternal, ADisabledAccountIsToldSo) {
  ASSERT_TRUE(Update("user@example.org", {.disabled = true}).ok());
  EXPECT_EQ(ReasonBy({Client().Der()}), v1::ERROR_REASON_ACCOUNT_DISABLED);
}

TEST_F(DirectoryExternal, WithoutAuthoritiesNobodyLogsInSo) {
  options_.client_ca_file.clear();
  Restart();
  EXPECT_EQ(ReasonBy({Client().Der()}), kRefused);
}

TEST_F(DirectoryExternal, AuthoritiesAreReadAgainWhenTheyChange) {
  const Identity next = Make({.name = "next", .authority = true}, nullptr);
  const Identity client = Make({.names = "email:user@example.org"}, &next);
  EXPECT_EQ(ReasonBy({client.Der()}), kRefused);
  Trust({&root_, &next});
  EXPECT_TRUE(LoginBy({client.Der()}).ok());
  EXPECT_TRUE(LoginBy({Client().Der()}).ok());
  Trust({&next});
  EXPECT_EQ(ReasonBy({Client().Der()}), kRefused);
  // What can't be read leaves the old ones in force.
  Trust({});
  EXPECT_TRUE(LoginBy({client.Der()}).ok());
  std::filesystem::remove(options_.client_ca_file);
  EXPECT_TRUE(LoginBy({client.Der()}).ok());
  Trust({&root_});
  EXPECT_TRUE(LoginBy({Client().Der()}).ok());
}

TEST_F(DirectoryExternal, AFileThatHoldsNoAuthoritiesStopsTheStart) {
  Trust({});
  auto directory =
      std::make_unique<Directory>(engine_.get(), mailboxes_.get(), &sealer_, &clock_, options_,
                                  std::make_unique<FakeHasher>());
  const absl::Status empty = SyncWait(directory->Start());
  EXPECT_THAT(std::string(empty.message()), testing::HasSubstr("no certificate"));
  EXPECT_THAT(std::string(empty.message()), testing::HasSubstr(options_.client_ca_file));
  std::filesystem::remove(options_.client_ca_file);
  EXPECT_FALSE(SyncWait(directory->Start()).ok());
}

}  // namespace
}  // namespace restante::store
