// The AUTHORIZATION state.
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/pop3d/limit_hits.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Plain(absl::string_view user, absl::string_view password) {
  return absl::Base64Escape(
      absl::StrCat(absl::string_view("\0", 1), user, absl::string_view("\0", 1), password));
}

class AuthorizationTest : public SessionTest {
 protected:
  AuthorizationTest() { storage_.AddAccount("user", "secret", {"Subject: a\r\n\r\nb\r\n"}); }

  // A connection whose greeting has been read.
  std::unique_ptr<Client> Greeted() {
    std::unique_ptr<Client> client = Connect();
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK "));
    return client;
  }
};

TEST_F(AuthorizationTest, LogsInWithUserAndPass) {
  auto client = Greeted();
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
  EXPECT_EQ(client->Command("STAT"), "+OK 1 17");
}

TEST_F(AuthorizationTest, TellsTheServiceWhomItActsFor) {
  Open();
  const v1::LoginRequest login = storage_.last_login();
  EXPECT_EQ(login.address(), "user");
  EXPECT_EQ(login.first_rows(), 64u);
  EXPECT_THAT(login.client().remote_address(), StartsWith("127.0.0.1:"));
  EXPECT_EQ(login.client().protocol(), "pop3");
  EXPECT_FALSE(login.client().tls());
  EXPECT_FALSE(login.client().request_id().empty());
}

TEST_F(AuthorizationTest, TakesKeywordsInAnyCase) {
  auto client = Greeted();
  EXPECT_THAT(client->Command("uSeR user"), StartsWith("+OK"));
  EXPECT_THAT(client->Command("pASS secret"), StartsWith("+OK"));
}

TEST_F(AuthorizationTest, TakesAPasswordWithSpacesAsItIs) {
  storage_.AddAccount("spaced", " two  words ", {});
  auto client = Connect();
  EXPECT_EQ(client->LogIn("spaced", " two  words "), "+OK Logged in.");
}

TEST_F(AuthorizationTest, AnswersUnknownUserAndWrongPasswordAlike) {
  auto client = Greeted();
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  const std::string wrong = client->Command("PASS wrong");
  EXPECT_EQ(client->Command("USER nobody"), "+OK Send PASS.");
  const std::string unknown = client->Command("PASS secret");
  EXPECT_EQ(wrong, "-ERR [AUTH] Authentication failed.");
  EXPECT_EQ(unknown, wrong);
}

TEST_F(AuthorizationTest, GoesOnAfterAFailedLoginAndForgetsTheUser) {
  auto client = Greeted();
  client->Command("USER user");
  client->Command("PASS wrong");
  EXPECT_THAT(client->Command("PASS secret"), StartsWith("-ERR "));
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
}

TEST_F(AuthorizationTest, ClosesAfterTheThirdFailedLogin) {
  auto client = Greeted();
  for (int i = 0; i < 3; ++i) {
    client->Command("USER user");
    EXPECT_THAT(client->Command("PASS wrong"), StartsWith("-ERR [AUTH]"));
  }
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(AuthorizationTest, TakesNoCommandAfterTheLastFailedLogin) {
  auto client = Greeted();
  client->Send(
      "USER user\r\nPASS wrong\r\nUSER user\r\nPASS wrong\r\nUSER user\r\nPASS wrong\r\n"
      "USER user\r\nPASS secret\r\nSTAT\r\n");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK"));
    EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [AUTH]"));
  }
  EXPECT_TRUE(client->AtEnd());
  EXPECT_EQ(storage_.logins(), 3);
}

TEST_F(AuthorizationTest, KeepsNamesAndPasswordsThatAreNotUtf8FromTheService) {
  auto client = Greeted();
  client->Command("USER us\xe8r");
  EXPECT_EQ(client->Command("PASS secret"), "-ERR [AUTH] Authentication failed.");
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS s\xe8"
                            "cret"),
            "-ERR [AUTH] Authentication failed.");
  EXPECT_EQ(storage_.logins(), 0);
}

TEST_F(AuthorizationTest, RefusesUserAndPassWithoutTheirArguments) {
  auto client = Greeted();
  EXPECT_THAT(client->Command("USER"), StartsWith("-ERR "));
  EXPECT_THAT(client->Command("USER two words"), StartsWith("-ERR "));
  EXPECT_THAT(client->Command("PASS secret"), StartsWith("-ERR "));
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  EXPECT_THAT(client->Command("PASS"), StartsWith("-ERR "));
  EXPECT_EQ(storage_.logins(), 0);
}

TEST_F(AuthorizationTest, TellsThatTheMaildropIsInUseAndNotThatThePasswordIsWrong) {
  auto first = Open();
  auto second = Connect();
  EXPECT_EQ(second->LogIn("user", "secret"),
            "-ERR [IN-USE] The maildrop is locked by another session.");
  EXPECT_EQ(first->Command("QUIT"), "+OK Logging out.");
  second->Command("USER user");
  EXPECT_EQ(second->Command("PASS secret"), "+OK Logged in.");
}

TEST_F(AuthorizationTest, DoesNotCountAMaildropInUseAsAFailedLogin) {
  auto first = Open();
  auto second = Greeted();
  for (int i = 0; i < 5; ++i) {
    second->Command("USER user");
    EXPECT_THAT(second->Command("PASS secret"), StartsWith("-ERR [IN-USE]"));
  }
}

TEST_F(AuthorizationTest, TellsADisabledAccountByAPermanentCode) {
  storage_.AnswerLoginsWith(MakeError(v1::ERROR_REASON_ACCOUNT_DISABLED, "disabled"));
  auto client = Connect();
  EXPECT_THAT(client->LogIn("user", "secret"), StartsWith("-ERR [SYS/PERM] "));
}

TEST_F(AuthorizationTest, TellsAServiceThatIsOverloadedByATemporaryCode) {
  storage_.AnswerLoginsWith(OverloadedError("busy", absl::Seconds(1)));
  auto client = Connect();
  EXPECT_THAT(client->LogIn("user", "secret"), StartsWith("-ERR [SYS/TEMP] "));
}

TEST_F(AuthorizationTest, RefusesWhatBelongsToTheTransactionAndWhatNobodyKnows) {
  auto client = Greeted();
  for (const char* command : {"STAT", "LIST", "UIDL", "RETR 1", "TOP 1 0", "DELE 1", "RSET",
                              "NOOP", "APOP a b", "XTND", "", "  ", "GET / HTTP/1.1"}) {
    EXPECT_THAT(client->Command(command), StartsWith("-ERR ")) << command;
  }
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
}

TEST_F(AuthorizationTest, NeverRepeatsWhatTheClientSent) {
  auto client = Greeted();
  EXPECT_THAT(client->Command("<script>"), Not(HasSubstr("script")));
  EXPECT_THAT(client->Command("USER <script> <script>"), Not(HasSubstr("script")));
}

TEST_F(AuthorizationTest, QuitsWithoutALogin) {
  auto client = Greeted();
  EXPECT_EQ(client->Command("QUIT"), "+OK Bye.");
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(AuthorizationTest, RefusesArgumentsWhereNoneAreTaken) {
  auto client = Greeted();
  for (const char* command : {"CAPA x", "STLS x", "QUIT x"}) {
    EXPECT_THAT(client->Command(command), StartsWith("-ERR ")) << command;
  }
  EXPECT_THAT(client->Command("CAPA "), StartsWith("+OK"));
}

TEST_F(AuthorizationTest, AnnouncesTheSameBeforeLoginAndAfterButForStls) {
  auto client = Greeted();
  const std::string before = client->MultiLine("CAPA");
  EXPECT_THAT(before, HasSubstr("STLS\r\n"));
  EXPECT_THAT(before, HasSubstr("USER\r\n"));
  EXPECT_THAT(before, HasSubstr("SASL PLAIN\r\n"));
  EXPECT_THAT(before, HasSubstr("TOP\r\n"));
  EXPECT_THAT(before, HasSubstr("UIDL\r\n"));
  client->Command("USER user");
  client->Command("PASS secret");
  EXPECT_EQ(absl::StrCat("STLS\r\n", client->MultiLine("CAPA")), before);
}

TEST_F(AuthorizationTest, RefusesPasswordsInTheClearUnlessTheOperatorAllowsThem) {
  options_.settings.allow_cleartext_passwords = false;
  auto client = Greeted();
  const std::string capabilities = client->MultiLine("CAPA");
  EXPECT_THAT(capabilities, Not(HasSubstr("\r\nUSER")));
  EXPECT_THAT(capabilities, Not(HasSubstr("SASL")));
  EXPECT_THAT(client->Command("USER user"), AllOf(StartsWith("-ERR "), HasSubstr("TLS")));
  EXPECT_THAT(client->Command("PASS secret"), AllOf(StartsWith("-ERR "), HasSubstr("TLS")));
  EXPECT_THAT(client->Command("AUTH PLAIN"), AllOf(StartsWith("-ERR "), HasSubstr("TLS")));
  EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", Plain("user", "secret"))),
              StartsWith("-ERR "));
  EXPECT_EQ(client->MultiLine("AUTH"), "");
  EXPECT_EQ(storage_.logins(), 0);
}

TEST_F(AuthorizationTest, ListsMechanismsForAuthWithoutArgument) {
  auto client = Greeted();
  EXPECT_EQ(client->MultiLine("AUTH"), "PLAIN\r\n");
}

TEST_F(AuthorizationTest, TakesAuthPlainWithAnInitialResponse) {
  auto client = Greeted();
  EXPECT_EQ(client->Command(absl::StrCat("AUTH PLAIN ", Plain("user", "secret"))),
            "+OK Logged in.");
}

TEST_F(AuthorizationTest, TakesAuthPlainWithAContinuation) {
  auto client = Greeted();
  EXPECT_EQ(client->Command("auth plain"), "+ ");
  EXPECT_EQ(client->Command(Plain("user", "secret")), "+OK Logged in.");
}

TEST_F(AuthorizationTest, TakesAContinuationOctetByOctet) {
  auto client = Greeted();
  client->SendSlowly("AUTH PLAIN\r\n");
  EXPECT_EQ(client->ReadLine(), "+ ");
  client->SendSlowly(absl::StrCat(Plain("user", "secret"), "\r\n"));
  EXPECT_EQ(client->ReadLine(), "+OK Logged in.");
}

TEST_F(AuthorizationTest, CancelsAuthAtAnAsterisk) {
  auto client = Greeted();
  EXPECT_EQ(client->Command("AUTH PLAIN"), "+ ");
  EXPECT_THAT(client->Command("*"), AllOf(StartsWith("-ERR "), Not(HasSubstr("AUTH"))));
  EXPECT_EQ(client->Command(absl::StrCat("AUTH PLAIN ", Plain("user", "secret"))),
            "+OK Logged in.");
}

// RFC 5034, section 4: "as if the client had not issued the AUTH command".
TEST_F(AuthorizationTest, GoesOnAfterAFailedAuthAsIfItHadNotBeenSaid) {
  const std::vector<std::string> failures = {
      "AUTH NTLM", "AUTH PLAIN !", absl::StrCat("AUTH PLAIN ", Plain("user", "wrong"))};
  for (const std::string& failure : failures) {
    auto client = Greeted();
    client->Command("USER user");
    EXPECT_THAT(client->Command(failure), StartsWith("-ERR "));
    EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.") << failure;
    client->Command("QUIT");
  }
  auto cancelled = Greeted();
  cancelled->Command("USER user");
  EXPECT_EQ(cancelled->Command("AUTH PLAIN"), "+ ");
  EXPECT_THAT(cancelled->Command("*"), StartsWith("-ERR "));
  EXPECT_EQ(cancelled->Command("PASS secret"), "+OK Logged in.");
  cancelled->Command("QUIT");
  auto asking = Greeted();
  asking->Command("USER user");
  EXPECT_EQ(asking->MultiLine("AUTH"), "PLAIN\r\n");
  EXPECT_EQ(asking->Command("PASS secret"), "+OK Logged in.");
}

TEST_F(AuthorizationTest, TakesAnEqualsSignForAnEmptyInitialResponse) {
  auto client = Greeted();
  // An empty PLAIN response is none; the point is that it isn't asked for again.
  EXPECT_THAT(client->Command("AUTH PLAIN ="), StartsWith("-ERR "));
  EXPECT_THAT(client->Command("CAPA"), StartsWith("+OK"));
}

TEST_F(AuthorizationTest, RefusesResponsesThatAreNotPlain) {
  auto client = Greeted();
  for (const char* response : {"!!!", "YWJj", "AGEAYg", "AGEAYg== x"}) {
    EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", response)), StartsWith("-ERR "))
        << response;
  }
  EXPECT_THAT(client->Command("AUTH CRAM-MD5"), StartsWith("-ERR "));
  EXPECT_EQ(storage_.logins(), 0);
}

TEST_F(AuthorizationTest, ReadsResponsesToTheirEndThatAreLongerThanItKeeps) {
  auto client = Greeted();
  const std::string longer(40'000, 'p');
  EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", Plain("user", longer))),
              StartsWith("-ERR [AUTH] "));
  EXPECT_EQ(client->Command("AUTH PLAIN"), "+ ");
  EXPECT_THAT(client->Command(Plain("user", longer)), StartsWith("-ERR [AUTH] "));
  // What is kept of it is no base64, or has no user.
  for (const char octet : {'!', 'A'}) {
    EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", std::string(40'000, octet))),
                AllOf(StartsWith("-ERR "), Not(HasSubstr("[AUTH]"))));
  }
  EXPECT_EQ(storage_.logins(), 0);
  EXPECT_EQ(client->Command(absl::StrCat("AUTH PLAIN ", Plain("user", "secret"))),
            "+OK Logged in.");
}

TEST_F(AuthorizationTest, RefusesToActForAnotherUserAsItRefusesAWrongPassword) {
  auto client = Greeted();
  const std::string response = absl::Base64Escape(absl::string_view("boss\0user\0secret", 16));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", response)),
                StartsWith("-ERR [AUTH]"));
  }
  EXPECT_TRUE(client->AtEnd());
  EXPECT_EQ(storage_.logins(), 0);
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kFailedLogins, 1));
}

TEST_F(AuthorizationTest, LetsAUserActForItselfInOtherLetters) {
  auto client = Greeted();
  const std::string response = absl::Base64Escape(absl::string_view("USER\0user\0secret", 16));
  EXPECT_EQ(client->Command(absl::StrCat("AUTH PLAIN ", response)), "+OK Logged in.");
}

TEST_F(AuthorizationTest, TellsWrongCredentialsOfAuthAsThoseOfPass) {
  auto client = Greeted();
  EXPECT_EQ(client->Command(absl::StrCat("AUTH PLAIN ", Plain("user", "wrong"))),
            "-ERR [AUTH] Authentication failed.");
}

TEST_F(AuthorizationTest, TakesAWholeResponseInitialAndContinued) {
  // 3 octets make 4 characters; the longest that is kept with its command and line end.
  const std::string password(kKeptOctets / 4 * 3 - 18, 'p');
  storage_.AddAccount("user", password, {});
  const std::string response = Plain("user", password);
  ASSERT_EQ(response.size(), kKeptOctets - 16);
  auto client = Greeted();
  EXPECT_EQ(client->Command(absl::StrCat("AUTH PLAIN ", response)), "+OK Logged in.");
  EXPECT_EQ(client->Command("QUIT"), "+OK Logging out.");
  auto other = Greeted();
  EXPECT_EQ(other->Command("AUTH PLAIN"), "+ ");
  EXPECT_EQ(other->Command(response), "+OK Logged in.");
}

TEST_F(AuthorizationTest, RefusesALongerResponseAndUnderstandsTheNextCommand) {
  auto client = Greeted();
  EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", std::string(100'000, 'A'))),
              StartsWith("-ERR "));
  EXPECT_EQ(client->Command("AUTH PLAIN"), "+ ");
  EXPECT_THAT(client->Command(std::string(100'000, 'A')), StartsWith("-ERR "));
  EXPECT_THAT(client->Command("CAPA"), StartsWith("+OK"));
}

TEST_F(AuthorizationTest, AnswersALineOverThe255OctetsOnceAndUnderstandsTheNext) {
  auto client = Greeted();
  const std::string longest = absl::StrCat("USER ", std::string(248, 'u'));
  EXPECT_EQ(client->Command(longest), "+OK Send PASS.");
  EXPECT_THAT(client->Command(absl::StrCat(longest, "u")), StartsWith("-ERR [SYS/PERM] Line"));
  EXPECT_THAT(client->Command(std::string(1 << 20, 'x')), StartsWith("-ERR [SYS/PERM] Line"));
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
}

TEST_F(AuthorizationTest, FreesTheLockOfALoginWhoseClientHasGone) {
  auto client = Greeted();
  storage_.HoldOperations(true);
  EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  client->Send("PASS secret\r\n");
  client->Close();
  storage_.HoldOperations(false);
  ASSERT_TRUE(storage_.WaitForLogins(1));
  EXPECT_TRUE(storage_.WaitUntilUnlocked("user"));
}

}  // namespace
}  // namespace restante::pop3
