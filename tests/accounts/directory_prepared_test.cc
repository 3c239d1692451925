// Passwords and addresses that can be typed in more than one way.
#include <string>
#include <utility>

#include "tests/accounts/directory_fixture.h"

namespace restante::store {
namespace {

constexpr char kComposed[] = "p\u00E1ss";
constexpr char kDecomposed[] = "pa\u0301ss";

class DirectoryPrepared : public DirectoryTest {
 protected:
  int Expense(std::string address, std::string password) {
    const int before = hasher_->verifications();
    EXPECT_FALSE(Login(std::move(address), std::move(password)).ok());
    return hasher_->verifications() - before;
  }
};

TEST_F(DirectoryPrepared, APasswordMatchesHoweverItIsComposed) {
  ASSERT_TRUE(Create("user@example.org", kDecomposed).ok());
  EXPECT_EQ((*Find("user@example.org"))->password_hash, "hash of p\u00E1ss");
  EXPECT_TRUE(Login("user@example.org", kComposed).ok());
  EXPECT_TRUE(Login("user@example.org", kDecomposed).ok());
  EXPECT_FALSE(Login("user@example.org", "pass").ok());
}

TEST_F(DirectoryPrepared, AHashOfThePasswordAsItWasTypedMatchesToo) {
  // As an import from elsewhere brings it.
  Open(std::make_unique<engine::MemoryEngine>());
  const std::string hash = *NewCryptHasher()->Hash(kDecomposed);
  directory_ = std::make_unique<Directory>(engine_.get(), mailboxes_.get(), &sealer_, &clock_,
                                           options_, NewCryptHasher());
  ASSERT_TRUE(SyncWait(directory_->Start()).ok());
  NewAccount account{"user@example.org", CryptHash{hash}, 0};
  ASSERT_TRUE(SyncWait(directory_->Create(account)).ok());
  EXPECT_TRUE(Login("user@example.org", kDecomposed).ok());
  EXPECT_FALSE(Login("user@example.org", kComposed).ok());
}

TEST_F(DirectoryPrepared, AnUnknownUserCostsAsMuchAsAWrongPassword) {
  ASSERT_TRUE(Create("user@example.org", "secret").ok());
  const std::pair<const char*, int> expenses[] = {
      {kComposed, 1}, {kDecomposed, 2}, {"a\x07", 0}, {"plain", 1}};
  for (const auto& [password, expense] : expenses) {
    EXPECT_EQ(Expense("user@example.org", password), expense) << password;
    EXPECT_EQ(Expense("nobody@example.org", password), expense) << password;
    EXPECT_EQ(Expense("no address", password), expense) << password;
  }
}

TEST_F(DirectoryPrepared, WhatSaslPrepProhibitsCanNotBeSetAndOnlyFailsAtALogin) {
  const absl::Status refused = Create("user@example.org", "a\x07").status();
  EXPECT_EQ(ReasonOf(refused), v1::ERROR_REASON_INVALID_REQUEST);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("U+0007"));
  ASSERT_TRUE(Create("user@example.org", "secret").ok());
  EXPECT_EQ(LoginReason("user@example.org", "a\x07"), v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_EQ(ReasonOf(SyncWait(directory_->SetPassword("user@example.org", Password{"a\x07"}))),
            v1::ERROR_REASON_INVALID_REQUEST);
}

TEST_F(DirectoryPrepared, AHashFromElsewhereOfWhatSaslPrepProhibitsNeverMatches) {
  Open(std::make_unique<engine::MemoryEngine>());
  const std::string hash = *NewCryptHasher()->Hash("tulip\uFFF9");
  directory_ = std::make_unique<Directory>(engine_.get(), mailboxes_.get(), &sealer_, &clock_,
                                           options_, NewCryptHasher());
  ASSERT_TRUE(SyncWait(directory_->Start()).ok());
  NewAccount account{"user@example.org", CryptHash{hash}, 0};
  ASSERT_TRUE(SyncWait(directory_->Create(account)).ok());
  EXPECT_EQ(LoginReason("user@example.org", "tulip\uFFF9"), v1::ERROR_REASON_BAD_CREDENTIALS);
}

TEST_F(DirectoryPrepared, AnAddressThatNobodyCouldLogInByIsRefused) {
  const absl::Status refused = Create("us\uE000er@example.org").status();
  EXPECT_EQ(ReasonOf(refused), v1::ERROR_REASON_BAD_ADDRESS);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("U+E000"));
  const auto report = SyncWait(
      directory_->Import({Account("a@example.org"), Account("us\uE000er@example.org")}));
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->problems.size(), 1u);
  EXPECT_EQ(report->problems[0].index, 1u);
  EXPECT_THAT(report->problems[0].message, testing::HasSubstr("U+E000"));
  EXPECT_THAT(AllAddresses(), testing::IsEmpty());
}

TEST_F(DirectoryPrepared, NobodyLogsInByANameThatSaslPrepProhibits) {
  // Its name is looked at before anybody looks for the account.
  ASSERT_TRUE(Create("user@example.org", "secret").ok());
  EXPECT_EQ(LoginReason("us\uE000er@example.org", "secret"), v1::ERROR_REASON_BAD_CREDENTIALS);
}

TEST_F(DirectoryPrepared, AnImportNamesThePasswordThatCanNotBePrepared) {
  const auto report = SyncWait(
      directory_->Import({Account("a@example.org"), Account("b@example.org", "\x07")}));
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->problems.size(), 1u);
  EXPECT_EQ(report->problems[0].index, 1u);
}

TEST_F(DirectoryPrepared, AnAddressIsFoundAsItWasTypedOrAsSaslPrepHasIt) {
  ASSERT_TRUE(Create("user@example.org", "secret").ok());
  EXPECT_TRUE(Login("us\u00ADer@example.org", "secret").ok());
  EXPECT_TRUE(Login("\uFF55ser@example.org", "secret").ok());
  ASSERT_TRUE(Create("\uFF55ser@example.org", "other").ok());
  EXPECT_TRUE(Login("\uFF55ser@example.org", "other").ok());
  EXPECT_FALSE(Login("\uFF55ser@example.org", "secret").ok());
}

}  // namespace
}  // namespace restante::store
