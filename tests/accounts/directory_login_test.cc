// Who may log in: passwords, their expense, and tokens.
#include <algorithm>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "tests/accounts/directory_fixture.h"

namespace restante::store {
namespace {

class DirectoryLogin : public DirectoryTest {
 protected:
  DirectoryLogin() {
    EXPECT_TRUE(Create("user@example.org", "secret").ok());
    EXPECT_TRUE(Create("other@example.org", "secret").ok());
  }

  absl::StatusOr<Authenticated> Authenticate(std::string address, std::string password) {
    return SyncWait(
        directory_->AuthenticatePassword(std::move(address), std::move(password), {}));
  }
  absl::StatusOr<Entry> CheckToken(std::string token) {
    return SyncWait(directory_->CheckAuthToken(std::move(token)));
  }

  // How many computations a login costs.
  int Expense(std::string address, std::string password) {
    const int before = hasher_->verifications();
    EXPECT_FALSE(Login(std::move(address), std::move(password)).ok());
    return hasher_->verifications() - before;
  }
};

TEST_F(DirectoryLogin, TakesTheRightPassword) {
  const auto entry = Login("USER@example.org", "secret");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ((*entry)->address, "user@example.org");
}

TEST_F(DirectoryLogin, AnswersAnUnknownUserAndAWrongPasswordAlike) {
  const absl::Status wrong = Login("user@example.org", "guess").status();
  EXPECT_EQ(ReasonOf(wrong), v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_EQ(Login("nobody@example.org", "guess").status(), wrong);
  EXPECT_EQ(Login("no address at all", "guess").status(), wrong);
  EXPECT_EQ(Login("", "guess").status(), wrong);
}

TEST_F(DirectoryLogin, LogsARefusedPasswordWithTheClientsAddressAndNoPassword) {
  const ClientInfo client{"192.0.2.7", "pop3", true, "r-17"};
  testing::internal::CaptureStderr();
  for (const char* user : {"nobody@example.org", "user@example.org"}) {
    EXPECT_FALSE(SyncWait(directory_->VerifyPassword(user, "guess", client)).ok());
  }
  EXPECT_TRUE(SyncWait(directory_->VerifyPassword("user@example.org", "secret", client)).ok());
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2) << log;
  EXPECT_THAT(log, testing::HasSubstr("PasswordRefused remote=192.0.2.7 protocol=pop3 tls=true "
                                      "user=nobody@example.org request=r-17"));
  EXPECT_THAT(log, testing::HasSubstr("user=user@example.org"));
  EXPECT_THAT(log, testing::Not(testing::HasSubstr("guess")));
}

TEST_F(DirectoryLogin, LogsOnlySoManyRefusedPasswordsASecond) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < RefusedPasswords::kMostLinesPerSecond + 5; ++i) {
    EXPECT_FALSE(Login("user@example.org", "guess").ok());
  }
  std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), RefusedPasswords::kMostLinesPerSecond);
  clock_.Advance(absl::Seconds(1));
  testing::internal::CaptureStderr();
  EXPECT_FALSE(Login("user@example.org", "guess").ok());
  log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, testing::HasSubstr("unlogged_before=5"));
}

TEST_F(DirectoryLogin, SpendsAsMuchOnAnUnknownUserAsOnAWrongPassword) {
  EXPECT_EQ(Expense("user@example.org", "guess"), 1);
  EXPECT_EQ(Expense("nobody@example.org", "guess"), 1);
  EXPECT_EQ(Expense("no address at all", "guess"), 1);
  EXPECT_EQ(Expense("", "guess"), 1);
}

TEST_F(DirectoryLogin, RefusesWhatCanBeNoPasswordWithoutLooking) {
  for (const std::string& password :
       {std::string(), std::string("secret\0", 7), std::string(2000, 'x')}) {
    EXPECT_EQ(Expense("user@example.org", password), 0);
    EXPECT_EQ(Expense("nobody@example.org", password), 0);
    EXPECT_EQ(LoginReason("user@example.org", password), v1::ERROR_REASON_BAD_CREDENTIALS);
  }
}

TEST_F(DirectoryLogin, TellsOnlyWhoKnowsThePasswordThatTheAccountIsDisabled) {
  ASSERT_TRUE(Update("user@example.org", {.disabled = true}).ok());
  EXPECT_EQ(LoginReason("user@example.org", "secret"), v1::ERROR_REASON_ACCOUNT_DISABLED);
  EXPECT_EQ(LoginReason("user@example.org", "guess"), v1::ERROR_REASON_BAD_CREDENTIALS);
}

TEST_F(DirectoryLogin, IsRefusedFromTheMomentTheAccountIsDisabled) {
  ASSERT_TRUE(Login("user@example.org", "secret").ok());
  ASSERT_TRUE(Update("user@example.org", {.disabled = true}).ok());
  EXPECT_EQ(LoginReason("user@example.org", "secret"), v1::ERROR_REASON_ACCOUNT_DISABLED);
  ASSERT_TRUE(Update("user@example.org", {.disabled = false}).ok());
  EXPECT_TRUE(Login("user@example.org", "secret").ok());
}

TEST_F(DirectoryLogin, TakesTheNewPasswordAndNotTheOldOnceItIsSet) {
  ASSERT_TRUE(Login("user@example.org", "secret").ok());
  ASSERT_TRUE(SyncWait(directory_->SetPassword("user@example.org", Password{"new"})).ok());
  EXPECT_EQ(LoginReason("user@example.org", "secret"), v1::ERROR_REASON_BAD_CREDENTIALS);
  EXPECT_TRUE(Login("user@example.org", "new").ok());
}

TEST_F(DirectoryLogin, OfAPollerCostsNoComputationWhileItIsRemembered) {
  ASSERT_TRUE(Login("user@example.org", "secret").ok());
  const int before = hasher_->verifications();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Login("user@example.org", "secret").ok());
  EXPECT_EQ(hasher_->verifications(), before);
  clock_.Advance(options_.password_cache_lifetime);
  EXPECT_TRUE(Login("user@example.org", "secret").ok());
  EXPECT_EQ(hasher_->verifications(), before + 1);
}

TEST_F(DirectoryLogin, WithAWrongPasswordIsNeverRemembered) {
  EXPECT_EQ(Expense("user@example.org", "guess"), 1);
  EXPECT_EQ(Expense("user@example.org", "guess"), 1);
  ASSERT_TRUE(Login("user@example.org", "secret").ok());
  EXPECT_EQ(Expense("user@example.org", "guess"), 1);
  EXPECT_EQ(Expense("other@example.org", "guess"), 1);
}

TEST_F(DirectoryLogin, IsForgottenWithTheProcess) {
  ASSERT_TRUE(Login("user@example.org", "secret").ok());
  Restart();
  EXPECT_TRUE(Login("user@example.org", "secret").ok());
  EXPECT_EQ(hasher_->verifications(), 1);
}

TEST_F(DirectoryLogin, OfKnownUsersGoesOnDuringAFloodOfWrongPasswords) {
  options_.password_threads = 1;
  options_.password_queue = 5;
  Restart();
  ASSERT_TRUE(Login("user@example.org", "secret").ok());
  hasher_->Close();
  absl::BlockingCounter flood(6);
  for (int i = 0; i < 6; ++i) {
    Spawn<absl::StatusOr<Entry>>(
        directory_->VerifyPassword("other@example.org", absl::StrCat("guess", i), {}),
        [&flood](absl::StatusOr<Entry> entry) {
          EXPECT_EQ(ReasonOf(entry.status()), v1::ERROR_REASON_BAD_CREDENTIALS);
          flood.DecrementCount();
        });
    if (i == 0) hasher_->AwaitWaiting(1);
  }

  bool inline_login = false;
  Spawn<absl::StatusOr<Entry>>(
      directory_->VerifyPassword("user@example.org", "secret", {}),
      [&inline_login](absl::StatusOr<Entry> entry) { inline_login = entry.ok(); });
  EXPECT_TRUE(inline_login) << "a remembered login waits for nobody";
  for (const char* address : {"other@example.org", "nobody@example.org"}) {
    absl::Status refused;
    Spawn<absl::StatusOr<Entry>>(
        directory_->VerifyPassword(address, "secret", {}),
        [&refused](absl::StatusOr<Entry> entry) { refused = entry.status(); });
    EXPECT_EQ(ReasonOf(refused), v1::ERROR_REASON_OVERLOADED);
  }
  hasher_->Open();
  flood.Wait();
}

TEST_F(DirectoryLogin, SeesADisablingThatComesWhileThePasswordIsVerified) {
  hasher_->Close();
  absl::BlockingCounter done(1);
  absl::Status result;
  Spawn<absl::StatusOr<Entry>>(directory_->VerifyPassword("user@example.org", "secret", {}),
                               [&](absl::StatusOr<Entry> entry) {
                                 result = entry.status();
                                 done.DecrementCount();
                               });
  hasher_->AwaitWaiting(1);
  ASSERT_TRUE(Update("user@example.org", {.disabled = true}).ok());
  hasher_->Open();
  done.Wait();
  EXPECT_EQ(ReasonOf(result), v1::ERROR_REASON_ACCOUNT_DISABLED);
}

TEST_F(DirectoryLogin, WithAPasswordReplacedWhileItIsVerifiedIsRefused) {
  hasher_->Close();
  absl::BlockingCounter done(1);
  absl::Status result;
  Spawn<absl::StatusOr<Entry>>(directory_->VerifyPassword("user@example.org", "secret", {}),
                               [&](absl::StatusOr<Entry> entry) {
                                 result = entry.status();
                                 done.DecrementCount();
                               });
  hasher_->AwaitWaiting(1);
  const absl::Status set = SyncWait(directory_->SetPassword(
      "user@example.org", CryptHash{"$1$47eYPYqp$cqwU68ZiE5ljqlllj2jh01"}));
  ASSERT_EQ(set, absl::OkStatus());
  hasher_->Open();
  done.Wait();
  EXPECT_EQ(ReasonOf(result), v1::ERROR_REASON_BAD_CREDENTIALS);
}

TEST_F(DirectoryLogin, ByTokenFollowsOneByPassword) {
  const auto authenticated = Authenticate("USER@example.org", "secret");
  ASSERT_TRUE(authenticated.ok()) << authenticated.status();
  EXPECT_EQ(authenticated->address, "user@example.org");
  EXPECT_EQ(authenticated->lifetime, options_.auth_token_lifetime);
  const auto entry = CheckToken(authenticated->auth_token);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ((*entry)->id, authenticated->account);
}

TEST_F(DirectoryLogin, GivesNoTokenForAWrongPassword) {
  EXPECT_EQ(ReasonOf(Authenticate("user@example.org", "guess").status()),
            v1::ERROR_REASON_BAD_CREDENTIALS);
}

TEST_F(DirectoryLogin, ByTokenEndsWithItsLifetime) {
  const auto authenticated = Authenticate("user@example.org", "secret");
  ASSERT_TRUE(authenticated.ok());
  clock_.Advance(options_.auth_token_lifetime - absl::Microseconds(1));
  EXPECT_TRUE(CheckToken(authenticated->auth_token).ok());
  clock_.Advance(absl::Microseconds(1));
  EXPECT_EQ(ReasonOf(CheckToken(authenticated->auth_token).status()),
            v1::ERROR_REASON_BAD_TOKEN);
}

TEST_F(DirectoryLogin, ByTokenEndsWhenTheAccountChanges) {
  const auto authenticated = Authenticate("user@example.org", "secret");
  ASSERT_TRUE(authenticated.ok());
  ASSERT_TRUE(SyncWait(directory_->SetPassword("user@example.org", Password{"new"})).ok());
  EXPECT_EQ(ReasonOf(CheckToken(authenticated->auth_token).status()),
            v1::ERROR_REASON_BAD_TOKEN);
}

TEST_F(DirectoryLogin, ByTokenSaysThatTheAccountIsDisabled) {
  const auto authenticated = Authenticate("user@example.org", "secret");
  ASSERT_TRUE(authenticated.ok());
  ASSERT_TRUE(Update("user@example.org", {.disabled = true}).ok());
  EXPECT_EQ(ReasonOf(CheckToken(authenticated->auth_token).status()),
            v1::ERROR_REASON_ACCOUNT_DISABLED);
}

TEST_F(DirectoryLogin, ByTokenEndsWhenTheAccountIsDeleted) {
  const auto authenticated = Authenticate("user@example.org", "secret");
  ASSERT_TRUE(authenticated.ok());
  ASSERT_TRUE(SyncWait(directory_->Delete("user@example.org")).ok());
  EXPECT_EQ(ReasonOf(CheckToken(authenticated->auth_token).status()),
            v1::ERROR_REASON_BAD_TOKEN);
}

TEST_F(DirectoryLogin, ByTokenOutlivesARestart) {
  const auto authenticated = Authenticate("user@example.org", "secret");
  ASSERT_TRUE(authenticated.ok());
  const std::string token = authenticated->auth_token;
  Restart();
  EXPECT_TRUE(CheckToken(token).ok());
}

TEST_F(DirectoryLogin, RefusesAForgedToken) {
  EXPECT_EQ(ReasonOf(CheckToken("").status()), v1::ERROR_REASON_BAD_TOKEN);
  EXPECT_EQ(ReasonOf(CheckToken(std::string(100, 'x')).status()), v1::ERROR_REASON_BAD_TOKEN);
  EXPECT_EQ(ReasonOf(CheckToken(sealer_.Seal(TokenKind::kAuth, "nonsense")).status()),
            v1::ERROR_REASON_BAD_TOKEN);
  EXPECT_EQ(ReasonOf(CheckToken(sealer_.Seal(TokenKind::kAuth, "")).status()),
            v1::ERROR_REASON_BAD_TOKEN);
}

TEST_F(DirectoryLogin, AndChangesFromManyThreadsLeaveTheStoreConsistent) {
  options_.password_threads = 2;
  Open(std::make_unique<engine::MemoryEngine>(
      engine::MemoryEngine::Options{.complete_on_another_thread = true}));
  ASSERT_TRUE(Create("user@example.org", "secret").ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      const std::string own = absl::StrCat("own", t, "@example.org");
      for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(Create(own, "secret").ok());
        EXPECT_TRUE(Login(own, "secret").ok());
        EXPECT_TRUE(Update("user@example.org", {.quota_octets = uint64_t(i)}).ok());
        EXPECT_TRUE(Login("user@example.org", "secret").ok());
        EXPECT_EQ(SyncWait(directory_->Delete(own)), absl::OkStatus());
        EXPECT_EQ(LoginReason(own, "secret"), v1::ERROR_REASON_BAD_CREDENTIALS);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Findings(), testing::IsEmpty());
  EXPECT_EQ((*Find("user@example.org"))->generation, 81u);
}

}  // namespace
}  // namespace restante::store
