// The life of ticket keys.
#include "common/tls_tickets.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <string>

#include "common/tls_certificates.h"

namespace restante {
namespace {

class TlsTicketsTest : public testing::Test {
 protected:
  struct FreeMore {
    void operator()(EVP_CIPHER_CTX* value) const { EVP_CIPHER_CTX_free(value); }
    void operator()(EVP_MAC_CTX* value) const { EVP_MAC_CTX_free(value); }
    void operator()(EVP_MAC* value) const { EVP_MAC_free(value); }
  };

  int Encrypt() {
    return tickets_.Encrypt(connection_.get(), name_, iv_, cipher_.get(), mac_.get());
  }
  int Decrypt() { return tickets_.Decrypt(name_, iv_, cipher_.get(), mac_.get()); }

  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  TlsTickets tickets_{[this] { return now_; }};
  const std::unique_ptr<SSL_CTX, FreeOpenSsl> context_{SSL_CTX_new(TLS_server_method())};
  const std::unique_ptr<SSL, FreeOpenSsl> connection_{SSL_new(context_.get())};
  const std::unique_ptr<EVP_CIPHER_CTX, FreeMore> cipher_{EVP_CIPHER_CTX_new()};
  const std::unique_ptr<EVP_MAC, FreeMore> hmac_{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  const std::unique_ptr<EVP_MAC_CTX, FreeMore> mac_{EVP_MAC_CTX_new(hmac_.get())};
  unsigned char name_[16] = {};
  unsigned char iv_[16] = {};
};

TEST_F(TlsTicketsTest, OpenWhatTheyClosed) {
  ASSERT_EQ(Encrypt(), 1);
  EXPECT_EQ(Decrypt(), 1);
}

TEST_F(TlsTicketsTest, OpenNothingBeforeTheFirstOrOfAStranger) {
  EXPECT_EQ(Decrypt(), 0);
  ASSERT_EQ(Encrypt(), 1);
  name_[3] ^= 1;
  EXPECT_EQ(Decrypt(), 0);
}

TEST_F(TlsTicketsTest, AreRenewedAfterTheLifeOfAKeyAndLostAfterTwo) {
  ASSERT_EQ(Encrypt(), 1);
  const std::string first(reinterpret_cast<char*>(name_), sizeof(name_));
  now_ += TlsTickets::kKeyLifetime - absl::Seconds(1);
  EXPECT_EQ(Decrypt(), 1);
  now_ += absl::Seconds(1);
  EXPECT_EQ(Decrypt(), 2);
  // Another key is in use now; the first opens still.
  ASSERT_EQ(Encrypt(), 1);
  EXPECT_NE(std::string(reinterpret_cast<char*>(name_), sizeof(name_)), first);
  EXPECT_EQ(Decrypt(), 1);
  std::copy(first.begin(), first.end(), name_);
  EXPECT_EQ(Decrypt(), 2);
  now_ += TlsTickets::kKeyLifetime;
  EXPECT_EQ(Decrypt(), 0);
}

}  // namespace
}  // namespace restante
