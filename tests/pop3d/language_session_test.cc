// UTF8 and LANG (RFC 6856).
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LanguageSessionTest : public SessionTest {
 protected:
  LanguageSessionTest() { storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n"}); }

  std::unique_ptr<Client> Greeted() {
    std::unique_ptr<Client> client = Connect();
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK "));
    return client;
  }
};

TEST_F(LanguageSessionTest, OpensTheMaildropInUtf8ModeWhenTheClientAskedForIt) {
  auto client = Greeted();
  EXPECT_EQ(client->Command("UTF8"), "+OK UTF8 enabled.");
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
  EXPECT_TRUE(storage_.last_login().options().utf8());
}

TEST_F(LanguageSessionTest, OpensItOtherwiseForAClientThatDidNot) {
  Open();
  EXPECT_FALSE(storage_.last_login().options().utf8());
}

TEST_F(LanguageSessionTest, TakesUtf8AgainAndRefusesArguments) {
  auto client = Greeted();
  EXPECT_THAT(client->Command("UTF8 USER"), StartsWith("-ERR "));
  EXPECT_THAT(client->Command("utf8"), StartsWith("+OK"));
  EXPECT_THAT(client->Command("UTF8"), StartsWith("+OK"));
}

TEST_F(LanguageSessionTest, RefusesUtf8OnceLoggedIn) {
  auto client = Open();
  EXPECT_THAT(client->Command("UTF8"), StartsWith("-ERR "));
  EXPECT_EQ(client->Command("STAT"), "+OK 2 6");
}

TEST_F(LanguageSessionTest, RefusesStlsAfterUtf8AndGoesOn) {
  auto client = Greeted();
  client->Command("UTF8");
  EXPECT_THAT(client->Command("STLS"), StartsWith("-ERR "));
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
  EXPECT_TRUE(storage_.last_login().options().utf8());
}

TEST_F(LanguageSessionTest, TakesUtf8AfterStls) {
  auto client = Greeted();
  client->Command("STLS");
  ASSERT_TRUE(client->Handshake());
  EXPECT_THAT(client->Command("UTF8"), StartsWith("+OK"));
  EXPECT_EQ(client->Command("CAPA"), "+OK Capability list follows.");
  EXPECT_THAT(client->ReadBody(), HasSubstr("UTF8 USER\r\n"));
}

TEST_F(LanguageSessionTest, TakesUtf8InUserAndPassWithoutTheUtf8Command) {
  storage_.AddAccount("j\xc3\xb8rgen@p\xc3\xb8st.example", "\xe5\xaf\x86 \xe7\xa0\x81", {});
  auto client = Connect();
  EXPECT_EQ(client->LogIn("j\xc3\xb8rgen@p\xc3\xb8st.example", "\xe5\xaf\x86 \xe7\xa0\x81"),
            "+OK Logged in.");
}

TEST_F(LanguageSessionTest, TakesUtf8InAuthPlain) {
  storage_.AddAccount("j\xc3\xb8rgen", "\xe5\xaf\x86", {});
  auto client = Greeted();
  const absl::string_view plain("\0j\xc3\xb8rgen\0\xe5\xaf\x86", 12);
  EXPECT_EQ(client->Command(absl::StrCat("AUTH PLAIN ", absl::Base64Escape(plain))),
            "+OK Logged in.");
}

TEST_F(LanguageSessionTest, ListsItsLanguagesInBothStates) {
  auto client = Greeted();
  std::string first;
  const std::string languages = client->MultiLine("LANG", &first);
  EXPECT_EQ(first, "+OK Language listing follows:");
  EXPECT_EQ(languages, "i-default English\r\nen English\r\nit Italiano\r\n");
  client->Command("USER user");
  client->Command("PASS secret");
  EXPECT_EQ(client->MultiLine("LANG"), languages);
}

TEST_F(LanguageSessionTest, SpeaksItalianInEveryReplyFromTheChoiceOn) {
  auto client = Greeted();
  EXPECT_EQ(client->Command("LANG it"), "+OK it Lingua cambiata.");
  EXPECT_EQ(client->Command("XTND"), "-ERR Comando sconosciuto.");
  EXPECT_EQ(client->Command("USER user"), "+OK Inviare PASS.");
  EXPECT_EQ(client->Command("PASS wrong"), "-ERR [AUTH] Autenticazione fallita.");
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Accesso eseguito.");
  EXPECT_EQ(client->Command("STAT"), "+OK 2 6");
  EXPECT_EQ(client->Command("LIST"), "+OK 2 messaggi");
  client->ReadBody();
  EXPECT_EQ(client->Command("RETR 1"), "+OK 3 ottetti");
  client->ReadBody();
  EXPECT_EQ(client->Command("RETR 9"), "-ERR Non esiste un tale messaggio.");
  EXPECT_EQ(client->Command("DELE 1"), "+OK Marcato per la cancellazione.");
  EXPECT_EQ(client->Command("QUIT"), "+OK Uscita, messaggi cancellati.");
}

TEST_F(LanguageSessionTest, ChangesTheLanguageAfterLoginToo) {
  auto client = Open();
  EXPECT_EQ(client->Command("LANG it"), "+OK it Lingua cambiata.");
  EXPECT_EQ(client->Command("RETR x"), "-ERR RETR prende il numero di un messaggio.");
  EXPECT_EQ(client->Command("LANG en"), "+OK en Language changed.");
  EXPECT_EQ(client->Command("RETR x"), "-ERR RETR takes the number of a message.");
  EXPECT_EQ(client->Command("LANG i-default"), "+OK i-default Language changed.");
}

TEST_F(LanguageSessionTest, KeepsTheLanguageWhenAnotherIsNotToBeHad) {
  auto client = Greeted();
  client->Command("LANG it");
  EXPECT_EQ(client->Command("LANG uga"), "-ERR Lingua non disponibile.");
  EXPECT_THAT(client->Command("LANG it en"), StartsWith("-ERR LANG prende"));
  EXPECT_EQ(client->Command("NOOP"), "-ERR Prima occorre autenticarsi.");
}

TEST_F(LanguageSessionTest, ChoosesTheOperatorsLanguageForAnAsterisk) {
  options_.settings.preferred_language = Language::kItalian;
  auto client = Greeted();
  EXPECT_EQ(client->Command("LANG *"), "+OK it Lingua cambiata.");
}

TEST_F(LanguageSessionTest, ForgetsTheLanguageChosenBeforeStls) {
  auto client = Greeted();
  client->Command("LANG it");
  EXPECT_EQ(client->Command("STLS"), "+OK Iniziare la negoziazione TLS.");
  ASSERT_TRUE(client->Handshake());
  EXPECT_EQ(client->Command("XTND"), "-ERR Unknown command.");
}

}  // namespace
}  // namespace restante::pop3
