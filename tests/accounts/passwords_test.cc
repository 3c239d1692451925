#include "storage-service/store/passwords.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "common/errors.h"

namespace restante::store {
namespace {

// Hashes of "secret", one of each method that crypt(5) of Debian 12 knows.
struct Known {
  const char* method;
  const char* hash;

  friend void PrintTo(const Known& self, std::ostream* out) { *out << self.method; }
};
constexpr Known kKnown[] = {
    {"yescrypt", "$y$j9T$xSDRekIpQOQh.F17/UmM4.$mPT1tykxISXzfimR1fA7CVB8yma9k6/rjULefEgB0KB"},
    {"gost_yescrypt",
     "$gy$j9T$iH1AWutesOwxMH0sBc7fv/$mEQYutNWiRdZz88rnx2ROkZhKNoeXUvE1hjeinmNeZD"},
    {"scrypt",
     "$7$CU..../....Wn8oG3gYyoWCd4kTCrasL/$N6nsHBHVHJcKLwXnudxiefhfQZr9wv7lrgqYXQjJQJC"},
    {"bcrypt_b", "$2b$05$ac8w/Z9sBurRMh3TlRDJUOUCr3wRApJT3gO0LS1XG0Qu0TR9VppuC"},
    {"bcrypt_y", "$2y$05$eIypczTtq73ZSU2NJfCQmeQMo0Tdc9/qnIG6bObG/MFdTZ9FANFmS"},
    {"bcrypt_a", "$2a$05$BNrM6057cFMJY91AvH06U.Xr0DiM.2M.gXV.rhZdCrPMPBfpeX/fi"},
    {"sha512crypt",
     "$6$h94Pa3jMAAvEP355$Z1WCUN8omSeKjhxtrTH8xRDvkxyoVLBaCo9DjOSw8hHdwqvmwgpLVp08G3BYuZo381uj"
     "dd03t4YBH58cSRTpb/"},
    {"sha256crypt", "$5$7n15g/W4OW6sK9O8$Q60NIN8PictfBt11qxJdXrkE3xn60UmUmUqX6Anls.7"},
    {"sha1crypt", "$sha1$261697$j5rIcbqTyMatuJeg.3j9$TmomcJTOp5iXuC70i4.3Rmyh9blO"},
    {"SunMD5", "$md5,rounds=80401$SoRmQHLR$$TiL2qAQF134Bir1SnK9wO0"},
    {"md5crypt", "$1$47eYPYqp$cqwU68ZiE5ljqlllj2jh01"},
    {"bsdicrypt", "_J9..eW8OfMAliFmLBT6"},
    {"descrypt", "hR8m5NdMOfOSQ"},
    {"NT", "$3$$878d8014606cda29677a44efa1353fc7"},
};

class CryptMethod : public testing::TestWithParam<Known> {};

TEST_P(CryptMethod, IsTakenAndVerified) {
  const auto hasher = NewCryptHasher();
  EXPECT_EQ(CheckCryptHash(GetParam().hash), absl::OkStatus());
  EXPECT_TRUE(hasher->Verify("secret", GetParam().hash));
  EXPECT_FALSE(hasher->Verify("Secret", GetParam().hash));
}

TEST_P(CryptMethod, IsRefusedWhenCutShortOrTooLong) {
  std::string hash = GetParam().hash;
  EXPECT_EQ(ReasonOf(CheckCryptHash(hash + "aa")), v1::ERROR_REASON_INVALID_REQUEST);
  hash.pop_back();
  EXPECT_EQ(ReasonOf(CheckCryptHash(hash)), v1::ERROR_REASON_INVALID_REQUEST);
}

INSTANTIATE_TEST_SUITE_P(All, CryptMethod, testing::ValuesIn(kKnown),
                         [](const auto& info) { return std::string(info.param.method); });

struct RefusedHash {
  std::string hash;
  const char* why;

  friend void PrintTo(const RefusedHash& self, std::ostream* out) { *out << self.why; }
};

class CryptHashRefused : public testing::TestWithParam<RefusedHash> {};

TEST_P(CryptHashRefused, WithWhatIsWrong) {
  const absl::Status status = CheckCryptHash(GetParam().hash);
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    Table, CryptHashRefused,
    testing::Values(
        RefusedHash{"", "empty"}, RefusedHash{"*", "locked"}, RefusedHash{"!!", "locked"},
        RefusedHash{"!$1$47eYPYqp$cqwU68ZiE5ljqlllj2jh01", "locked"},
        RefusedHash{"{SSHA256}abcdef", "{SCHEME}"}, RefusedHash{"$9$salt$hash", "can't verify"},
        RefusedHash{"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "can't verify"},
        RefusedHash{"x", "can't verify"}, RefusedHash{"plain", "isn't a whole"},
        RefusedHash{"$y$j9T$xSDRekIpQOQh.F17/UmM4.", "isn't a whole yescrypt"},
        RefusedHash{"$6$h94Pa3jMAAvEP355", "isn't a whole sha512crypt"},
        RefusedHash{"$1$47eYPYqp$cqwU68ZiE5ljqlllj2jh01 ", "can't verify"},
        RefusedHash{std::string("$1$47eYPYqp$cqwU68ZiE5ljql\0lj2jh01", 34), "no crypt(5)"},
        RefusedHash{"$6$" + std::string(400, 'a'), "no crypt(5)"}));

TEST(CryptHasher, MakesYescryptHashesThatItVerifies) {
  const auto hasher = NewCryptHasher();
  const auto hash = hasher->Hash("pässwörd");
  ASSERT_TRUE(hash.ok()) << hash.status();
  EXPECT_THAT(*hash, testing::StartsWith("$y$"));
  EXPECT_EQ(CheckCryptHash(*hash), absl::OkStatus());
  EXPECT_TRUE(hasher->Verify("pässwörd", *hash));
  EXPECT_FALSE(hasher->Verify("passwort", *hash));
}

TEST(CryptHasher, SaltsEachHash) {
  const auto hasher = NewCryptHasher();
  const auto one = hasher->Hash("secret");
  const auto other = hasher->Hash("secret");
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_NE(*one, *other);
}

TEST(CryptHasher, TakesPasswordsOfEveryLengthWhole) {
  const auto hasher = NewCryptHasher();
  for (const size_t length : {size_t{1}, size_t{511}, size_t{512}, kMaxPasswordOctets}) {
    const std::string password(length, 'x');
    ASSERT_TRUE(CheckPassword(password).ok());
    const auto hash = hasher->Hash(password);
    ASSERT_TRUE(hash.ok()) << hash.status();
    EXPECT_TRUE(hasher->Verify(password, *hash)) << length;
    EXPECT_FALSE(hasher->Verify(password + "x", *hash)) << length;
    EXPECT_FALSE(hasher->Verify(password.substr(0, length - 1), *hash)) << length;
  }
}

TEST(CryptHasher, VerifiesNothingAgainstWhatIsNoHash) {
  const auto hasher = NewCryptHasher();
  for (const char* hash : {"", "*", "*0", "*1", "!", "$9$x$y"}) {
    EXPECT_FALSE(hasher->Verify("secret", hash)) << hash;
    EXPECT_FALSE(hasher->Verify(hash, hash)) << hash;
  }
}

TEST(PasswordRule, RefusesWhatNoClientCouldSend) {
  EXPECT_TRUE(CheckPassword("x").ok());
  EXPECT_TRUE(CheckPassword("with space, tab\tand ümlaut").ok());
  for (const std::string& password : {std::string(), std::string("a\0b", 3), std::string("a\r"),
                                      std::string("a\nb"), std::string(1025, 'x')}) {
    EXPECT_EQ(ReasonOf(CheckPassword(password)), v1::ERROR_REASON_INVALID_REQUEST);
  }
}

TEST(Wipe, LeavesNothingOfTheSecretInItsMemory) {
  std::string secret(100, 's');
  const char* memory = secret.data();
  const size_t capacity = secret.capacity();
  Wipe(&secret);
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(std::string(memory, capacity).find('s'), std::string::npos);
}

}  // namespace
}  // namespace restante::store
