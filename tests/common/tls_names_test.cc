// Several certificates, and which of them a client gets.
#include "tests/common/tls_fixture.h"

namespace restante {
namespace {

class TlsNamesTest : public TlsFixture {
 protected:
  void SetUp() override {
    TlsFixture::SetUp();
    Add({.common_name = "default", .names = {"pop.example.org"}});
    Add({.common_name = "exact", .names = {"mail.example.com", "pop.example.com"}});
    Add({.common_name = "wildcard", .names = {"*.example.com"}});
    Add({.common_name = "only.cn.example"});
  }

  void Add(const TestCertificateSpec& spec) {
    const std::string number = std::to_string(options_.certificates.size());
    options_.certificates.push_back({Path(number + ".pem"), Path(number + "-key.pem")});
    TestCertificate(spec).Write(options_.certificates.back().certificate_file,
                                options_.certificates.back().key_file);
  }

  ServerTlsOptions options_;
};

TEST_F(TlsNamesTest, TheFirstIsForClientsThatAskForNoneOrAnUnknownName) {
  const auto tls = Make(options_);
  EXPECT_EQ(ServedTo(*tls, ""), "default");
  EXPECT_EQ(ServedTo(*tls, "pop.example.org"), "default");
  EXPECT_EQ(ServedTo(*tls, "elsewhere.example"), "default");
}

TEST_F(TlsNamesTest, AnExactNameGoesBeforeAWildcard) {
  const auto tls = Make(options_);
  EXPECT_EQ(ServedTo(*tls, "mail.example.com"), "exact");
  EXPECT_EQ(ServedTo(*tls, "pop.example.com"), "exact");
  EXPECT_EQ(ServedTo(*tls, "POP.Example.COM"), "exact");
}

TEST_F(TlsNamesTest, AWildcardStandsForOneLabel) {
  const auto tls = Make(options_);
  EXPECT_EQ(ServedTo(*tls, "other.example.com"), "wildcard");
  EXPECT_EQ(ServedTo(*tls, "a.b.example.com"), "default");
  EXPECT_EQ(ServedTo(*tls, "example.com"), "default");
}

TEST_F(TlsNamesTest, TheCommonNameCountsWithoutAlternativeNames) {
  const auto tls = Make(options_);
  EXPECT_EQ(ServedTo(*tls, "only.cn.example"), "only.cn.example");
  EXPECT_EQ(ServedTo(*tls, "exact"), "default");
}

TEST_F(TlsNamesTest, ClientsGetTheTypeOfKeyThatTheyCanUse) {
  Add({.common_name = "default-rsa", .names = {"pop.example.org"}, .rsa = true});
  Add({.common_name = "wildcard-rsa", .names = {"*.example.com"}, .rsa = true});
  const auto tls = Make(options_);
  const char* const rsa = "RSA-PSS+SHA256";
  const char* const ecdsa = "ECDSA+SHA256";
  EXPECT_EQ(ServedTo(*tls, "", ecdsa), "default");
  EXPECT_EQ(ServedTo(*tls, "", rsa), "default-rsa");
  EXPECT_EQ(ServedTo(*tls, "other.example.com", ecdsa), "wildcard");
  EXPECT_EQ(ServedTo(*tls, "other.example.com", rsa), "wildcard-rsa");
}

TEST_F(TlsNamesTest, OfTwoAlikeTheEarlierIsServed) {
  Add({.common_name = "late", .names = {"mail.example.com"}});
  EXPECT_EQ(ServedTo(*Make(options_), "mail.example.com"), "exact");
}

}  // namespace
}  // namespace restante
