#include "storage-service/store/tokens.h"

#include <gtest/gtest.h>

#include <string>

#include "common/errors.h"

namespace restante::store {
namespace {

const std::string kKey(32, 'k');

TEST(TokenSealer, OpensWhatItSealed) {
  const TokenSealer sealer(kKey);
  for (const std::string& payload : {std::string(), std::string("x"), std::string(400, '\0')}) {
    const auto opened = sealer.Open(TokenKind::kAuth, sealer.Seal(TokenKind::kAuth, payload));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(*opened, payload);
  }
}

TEST(TokenSealer, OpensTokensOfAnEarlierProcessWithTheSameKey) {
  const std::string token = TokenSealer(kKey).Seal(TokenKind::kSession, "payload");
  EXPECT_TRUE(TokenSealer(kKey).Open(TokenKind::kSession, token).ok());
}

TEST(TokenSealer, RefusesATokenWithAnyBitChanged) {
  const TokenSealer sealer(kKey);
  const std::string token = sealer.Seal(TokenKind::kAuth, "payload");
  for (size_t bit = 0; bit < token.size() * 8; ++bit) {
    std::string forged = token;
    forged[bit / 8] = static_cast<char>(forged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(ReasonOf(sealer.Open(TokenKind::kAuth, forged).status()),
              v1::ERROR_REASON_BAD_TOKEN);
  }
}

TEST(TokenSealer, RefusesATokenOfAnotherKind) {
  const TokenSealer sealer(kKey);
  const std::string token = sealer.Seal(TokenKind::kAuth, "payload");
  EXPECT_EQ(ReasonOf(sealer.Open(TokenKind::kSession, token).status()),
            v1::ERROR_REASON_BAD_TOKEN);
}

TEST(TokenSealer, RefusesATokenOfAnotherKey) {
  const std::string token = TokenSealer(std::string(32, 'x')).Seal(TokenKind::kAuth, "payload");
  EXPECT_EQ(ReasonOf(TokenSealer(kKey).Open(TokenKind::kAuth, token).status()),
            v1::ERROR_REASON_BAD_TOKEN);
}

TEST(TokenSealer, RefusesWhatIsTooShortOrTooLong) {
  const TokenSealer sealer(kKey);
  const std::string token = sealer.Seal(TokenKind::kAuth, "payload");
  for (size_t length = 0; length < token.size(); ++length) {
    EXPECT_FALSE(sealer.Open(TokenKind::kAuth, token.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(sealer.Open(TokenKind::kAuth, token + "x").ok());
}

}  // namespace
}  // namespace restante::store
