#include "plugins/auth/exchange.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace restante::auth {
namespace {

using Next = Exchange::Next;

std::string Base64(std::string_view octets) {
  return absl::Base64Escape({octets.data(), octets.size()});
}

TEST(ExchangeTest, OffersPlainAndLoginAndNothingElse) {
  EXPECT_TRUE(Exchange::Begin("PLAIN").has_value());
  EXPECT_TRUE(Exchange::Begin("LOGIN").has_value());
  for (const char* other : {"", "CRAM-MD5", "EXTERNAL", "plain", "PLAINLY"}) {
    EXPECT_FALSE(Exchange::Begin(other).has_value()) << other;
  }
}

TEST(ExchangeTest, PlainTakesItsMessageAtOnce) {
  Exchange plain = *Exchange::Begin("PLAIN");
  EXPECT_EQ(plain.Respond(Base64(std::string_view("\0ann@example.org\0tulip", 22))),
            Next::kComplete);
  EXPECT_EQ(plain.user(), "ann@example.org");
  EXPECT_EQ(plain.password(), "tulip");
}

TEST(ExchangeTest, PlainWithoutAnInitialResponseHasAnEmptyChallenge) {
  Exchange plain = *Exchange::Begin("PLAIN");
  EXPECT_EQ(plain.Respond(std::nullopt), Next::kChallenge);
  EXPECT_EQ(plain.challenge(), "");
  EXPECT_EQ(plain.Respond(Base64(std::string_view("\0ann\0tulip", 10))), Next::kComplete);
}

TEST(ExchangeTest, PlainRefusesToActForSomebodyElse) {
  Exchange plain = *Exchange::Begin("PLAIN");
  EXPECT_EQ(plain.Respond(Base64(std::string_view("bob\0ann\0tulip", 13))), Next::kOtherUser);
}

TEST(ExchangeTest, WhatMakesNoSenseIsMalformed) {
  for (const std::string& response :
       {std::string("="), std::string("!"), std::string(), Base64("ann"),
        Base64(std::string_view("\0\0", 2)), Base64(std::string_view("\0ann\0", 5))}) {
    Exchange plain = *Exchange::Begin("PLAIN");
    EXPECT_EQ(plain.Respond(response), Next::kMalformed) << response;
  }
}

TEST(ExchangeTest, LoginAsksForNameAndPassword) {
  Exchange login = *Exchange::Begin("LOGIN");
  EXPECT_EQ(login.Respond(std::nullopt), Next::kChallenge);
  EXPECT_EQ(login.challenge(), "Username:");
  EXPECT_EQ(login.Respond(Base64("ann")), Next::kChallenge);
  EXPECT_EQ(login.challenge(), "Password:");
  EXPECT_EQ(login.Respond(Base64("tulip")), Next::kComplete);
  EXPECT_EQ(login.user(), "ann");
  EXPECT_EQ(login.password(), "tulip");
}

TEST(ExchangeTest, LoginTakesTheNameAsInitialResponse) {
  Exchange login = *Exchange::Begin("LOGIN");
  EXPECT_EQ(login.Respond(Base64("ann")), Next::kChallenge);
  EXPECT_EQ(login.challenge(), "Password:");
}

TEST(ExchangeTest, LoginWantsBothAndInBase64) {
  for (const std::string& response : {std::string(), std::string("*"), std::string("an")}) {
    Exchange login = *Exchange::Begin("LOGIN");
    EXPECT_EQ(login.Respond(response), Next::kMalformed) << response;
    login = *Exchange::Begin("LOGIN");
    login.Respond(Base64("ann"));
    EXPECT_EQ(login.Respond(response), Next::kMalformed) << response;
  }
}

}  // namespace
}  // namespace restante::auth
