// The lines that a session leaves in the log: what operators, and tools that ban
// addresses, read of it.
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "tests/common/proxy_headers.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class LogLinesTest : public SessionTest {
 protected:
  LogLinesTest() {
    storage_.AddAccount("user", "secret", {"one\r\n", "three\r\n", "fourteen\r\n"});
    testing::internal::CaptureStderr();
  }
  ~LogLinesTest() override {
    if (capturing_) testing::internal::GetCapturedStderr();
  }

  // All lines, every session having ended.
  std::string Logged() {
    StopServer();
    capturing_ = false;
    return testing::internal::GetCapturedStderr();
  }

 private:
  bool capturing_ = true;
};

TEST_F(LogLinesTest, TellWhoLoggedInAndWhatTheSessionDid) {
  auto client = Open();
  client->MultiLine("TOP 1 0");
  client->MultiLine("RETR 1");
  client->MultiLine("RETR 3");
  client->Command("DELE 3");
  EXPECT_THAT(client->Command("QUIT"), StartsWith("+OK"));
  const std::string lines = Logged();
  EXPECT_THAT(lines, ContainsRegex("pop3-login: Info: Login: user=<user>, method=PLAIN, "
                                   "rip=127\\.0\\.0\\.1, lip=127\\.0\\.0\\.1, "
                                   "session=<[0-9a-f]{16}>\n"));
  EXPECT_THAT(lines, ContainsRegex("pop3\\(user\\)<[0-9a-f]{16}>: Info: Disconnected: "
                                   "Logged out top=1/5, retr=2/15, del=1/3, size=22\n"));
  EXPECT_THAT(lines, Not(HasSubstr("secret")));
}

TEST_F(LogLinesTest, TellThatTheSessionIsUnderTls) {
  ConnectTls()->LogIn("user", "secret");
  EXPECT_THAT(Logged(), ContainsRegex("Login: [^\n]*lip=127\\.0\\.0\\.1, TLS, session="));
}

TEST_F(LogLinesTest, TellTheClientsOwnAddressAndWhatTheLoadBalancerKnowsOfIt) {
  options_.settings.proxy.networks = {*Network::Parse("127.0.0.0/8")};
  const std::string tls =
      absl::StrCat(std::string("\x01\0\0\0\0", 5), ProxyTlv(0x21, "TLSv1.3"),
                   ProxyTlv(0x23, "TLS_AES_128_GCM_SHA256"));
  const std::string extensions =
      absl::StrCat(ProxyTlv(0x01, "pop3"), ProxyTlv(0x02, "pop.example.org>"),
                   ProxyTlv(0x05, "\x01id"), ProxyTlv(0x20, tls));
  auto client = Connect();
  client->Send(ProxyV2For("192.0.2.1", 4000, extensions));
  EXPECT_EQ(client->LogIn("user", "secret"), "+OK Logged in.");
  client->Close();
  EXPECT_THAT(Logged(), HasSubstr("rip=192.0.2.1, lip=192.0.2.250, via=127.0.0.1, "
                                  "sni=<pop.example.org\\x3e>, alpn=<pop3>, tls=<TLSv1.3>, "
                                  "cipher=<TLS_AES_128_GCM_SHA256>, id=<\\x01id>, session=<"));
}

TEST_F(LogLinesTest, TellOfWrongPasswordsApartFromLoginsThatWereRefused) {
  auto holder = Open();
  auto wrong = Connect();
  EXPECT_THAT(wrong->LogIn("user", "guess"), StartsWith("-ERR [AUTH]"));
  wrong->Command("QUIT");
  auto refused = Connect();
  EXPECT_THAT(refused->LogIn("user", "secret"), StartsWith("-ERR [IN-USE]"));
  refused->Command("QUIT");
  auto silent = Connect();
  EXPECT_THAT(silent->ReadLine(), StartsWith("+OK"));
  clock_.AwaitLooks();
  clock_.Advance(std::chrono::seconds(60));
  EXPECT_TRUE(silent->AtEnd());
  holder->Close();
  const std::string lines = Logged();
  EXPECT_THAT(lines, ContainsRegex("Info: Disconnected: Quit \\(auth failed, 1 attempts in 0 "
                                   "secs\\): user=<user>, method=PLAIN, rip=127\\.0\\.0\\.1"));
  EXPECT_THAT(lines, ContainsRegex("Info: Disconnected: Quit \\(login refused, 1 attempts in 0 "
                                   "secs\\): user=<user>, method=PLAIN, rip=127\\.0\\.0\\.1"));
  EXPECT_THAT(lines,
              ContainsRegex("Info: Disconnected for inactivity \\(no auth attempts in 60 "
                            "secs\\): user=<>, rip=127\\.0\\.0\\.1"));
  EXPECT_THAT(lines, Not(HasSubstr("guess")));
}

TEST_F(LogLinesTest, CountNoMessageThatWasCutOff) {
  storage_.BreakReadsOf(3, 4);
  auto client = Open();
  client->Command("DELE 1");
  client->Send("RETR 3\r\n");
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_THAT(Logged(), AllOf(HasSubstr("Disconnected: Connection closed in RETR top=0/0, "
                                        "retr=0/0, del=0/3, size=22\n"),
                              Not(HasSubstr("fourteen"))));
}

}  // namespace
}  // namespace restante::pop3
