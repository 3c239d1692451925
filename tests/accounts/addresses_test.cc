// The rule by which addresses are the same, as a table.
#include "storage-service/store/addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "common/errors.h"

namespace restante::store {
namespace {

struct Same {
  const char* written;
  const char* normal;

  friend void PrintTo(const Same& self, std::ostream* out) { *out << self.written; }
};

class AddressNormalForm : public testing::TestWithParam<Same> {};

TEST_P(AddressNormalForm, IsWhatTheTableSays) {
  const auto normal = NormalizeAddress(GetParam().written);
  ASSERT_TRUE(normal.ok()) << normal.status();
  EXPECT_EQ(*normal, GetParam().normal);
}

TEST_P(AddressNormalForm, IsItsOwnNormalForm) {
  const auto again = NormalizeAddress(GetParam().normal);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, GetParam().normal);
}

INSTANTIATE_TEST_SUITE_P(
    Table, AddressNormalForm,
    testing::Values(Same{"user@example.org", "user@example.org"}, Same{"user", "user"},
                    Same{"USER", "user"}, Same{"User@Example.ORG", "user@example.org"},
                    Same{"first.last+lists@example.org", "first.last+lists@example.org"},
                    Same{"o'brien=x/y!z@example.org", "o'brien=x/y!z@example.org"},
                    Same{"user@localhost", "user@localhost"},
                    Same{"user@a--b.example", "user@a--b.example"},
                    Same{"user@127.0.0.1", "user@127.0.0.1"},
                    // Domains: U-labels and A-labels are the same, in any case.
                    Same{"user@BÜCHER.example", "user@xn--bcher-kva.example"},
                    Same{"user@bücher.example", "user@xn--bcher-kva.example"},
                    Same{"user@bu\u0308cher.example", "user@xn--bcher-kva.example"},
                    Same{"user@XN--BCHER-KVA.Example", "user@xn--bcher-kva.example"},
                    Same{"user@faß.example", "user@xn--fa-hia.example"},
                    Same{"user@例え.テスト", "user@xn--r8jz45g.xn--zckzah"},
                    Same{"user@example。org", "user@example.org"},
                    // Local parts: lower case, composed.
                    Same{"JÖRG@example.org", "jörg@example.org"},
                    Same{"jo\u0308rg@example.org", "jörg@example.org"},
                    Same{"ΧΡΉΣΤΗΣ@example.org", "χρήστης@example.org"},
                    Same{"МИХАИЛ", "михаил"},
                    Same{"ユーザー@example.org", "ユーザー@example.org"},
                    // A quoted local part is the same as without its quotes.
                    Same{"\"user\"@example.org", "user@example.org"},
                    Same{"\"us\\er\"@example.org", "user@example.org"}));

struct Refused {
  std::string written;
  const char* why;

  friend void PrintTo(const Refused& self, std::ostream* out) { *out << self.why; }
};

class AddressRefused : public testing::TestWithParam<Refused> {};

TEST_P(AddressRefused, WithWhatIsWrong) {
  const auto normal = NormalizeAddress(GetParam().written);
  ASSERT_FALSE(normal.ok()) << *normal;
  EXPECT_EQ(ReasonOf(normal.status()), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_THAT(std::string(normal.status().message()), testing::HasSubstr(GetParam().why));
}

INSTANTIATE_TEST_SUITE_P(
    Table, AddressRefused,
    testing::Values(
        Refused{"", "empty"}, Refused{"@example.org", "nothing before the @"},
        Refused{"user@", "nothing after the @"}, Refused{"@", "nothing before the @"},
        Refused{"\"\"@example.org", "nothing before the @"},
        Refused{"a@b@example.org", "more than one @"},
        Refused{"\"a@b\"@example.org", "more than one @"}, Refused{"a b@example.org", "space"},
        Refused{" user@example.org", "space"}, Refused{"\"a b\"@example.org", "space"},
        Refused{"a\u00A0b@example.org", "space"}, Refused{"a\u3000b", "space"},
        Refused{"a\tb@example.org", "control"}, Refused{"a\r\nb@example.org", "control"},
        Refused{"a\x7F@example.org", "control"}, Refused{"a\u0085@example.org", "control"},
        Refused{"a\u202Eb@example.org", "formatting"},
        Refused{"a\u200Bb@example.org", "formatting"},
        Refused{std::string("us\0er@example.org", 17), "control"},
        Refused{std::string("user@exam\0ple.org", 17), "control"},
        Refused{"<user@example.org>", "can't contain"},
        Refused{"us\"er@example.org", "can't contain"},
        Refused{"us\\er@example.org", "can't contain"},
        Refused{"\"us\"er\"@example.org", "quote inside"},
        Refused{"\"user\\\"@example.org", "no end"}, Refused{"us\xFF@example.org", "UTF-8"},
        Refused{"user@\xC3\x28.example", "UTF-8"}, Refused{"user@exa mple.org", "labels"},
        Refused{"user@example..org", "labels"}, Refused{"user@.example.org", "labels"},
        Refused{"user@example.org.", "labels"}, Refused{"user@-a.example", "labels"},
        Refused{"user@a-.example", "labels"}, Refused{"user@a_b.example", "labels"},
        Refused{"user@[127.0.0.1]", "labels"}, Refused{"user@example.org\n", "labels"},
        // What maps to forbidden ASCII must not vanish: U+2100 is "a/c".
        Refused{"user@\u2100.example", "domain"}, Refused{"user@xn--a.example", "domain"},
        Refused{"user@" + std::string(64, 'a') + ".example", "labels"},
        Refused{std::string(300, 'a') + "@example.org", "longer than 255"}));

TEST(AddressLimits, A255OctetAddressIsTheLongest) {
  const std::string domain = "@example.org";
  const std::string longest = std::string(255 - domain.size(), 'a') + domain;
  EXPECT_TRUE(NormalizeAddress(longest).ok());
  EXPECT_FALSE(NormalizeAddress("a" + longest).ok());
}

TEST(AddressLimits, TheLimitHoldsForTheNormalFormToo) {
  std::string domain;
  for (int i = 0; i < 20; ++i) domain += "ü" + std::to_string(i) + "aaaa.";
  const std::string address = std::string(60, 'a') + "@" + domain + "example";
  ASSERT_LE(address.size(), kMaxAddressOctets);
  EXPECT_EQ(ReasonOf(NormalizeAddress(address).status()), v1::ERROR_REASON_BAD_ADDRESS);
}

TEST(AddressDetail, IsWhatFollowsTheFirstPlusOfTheLocalPart) {
  EXPECT_EQ(WithoutDetail("user+lists@example.org"), "user@example.org");
  EXPECT_EQ(WithoutDetail("user+a+b@example.org"), "user@example.org");
  EXPECT_EQ(WithoutDetail("user+@example.org"), "user@example.org");
  EXPECT_EQ(WithoutDetail("user+lists"), "user");
}

TEST(AddressDetail, IsAbsentWithoutSomethingBeforeThePlus) {
  EXPECT_EQ(WithoutDetail("user@example.org"), std::nullopt);
  EXPECT_EQ(WithoutDetail("+lists@example.org"), std::nullopt);
  EXPECT_EQ(WithoutDetail("user"), std::nullopt);
  EXPECT_EQ(WithoutDetail(""), std::nullopt);
}

TEST(AddressDetail, IsKeptAsItWasWritten) {
  EXPECT_EQ(DetailOf("user+Lists/C++@example.org"), "Lists/C++");
  EXPECT_EQ(DetailOf("\"user+a\\+b\"@example.org"), "a+b");
  EXPECT_EQ(DetailOf("user+Lists"), "Lists");
  EXPECT_EQ(DetailOf("user+U\u0308ber@example.org"), "\u00DCber");
}

TEST(AddressDetail, IsEmptyWhereThereIsNone) {
  for (const char* address :
       {"user@example.org", "user+@example.org", "+lists@example.org", "user", "", "@",
        "us er+x@example.org", "user+\xFF@example.org"}) {
    EXPECT_EQ(DetailOf(address), "") << address;
  }
}

}  // namespace
}  // namespace restante::store
