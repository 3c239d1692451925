// What a client is told that hits a limit.
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/pop3d/limit_hits.h"
#include "tests/pop3d/session_test.h"

namespace restante::pop3 {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::StartsWith;

class LimitsSessionTest : public SessionTest {
 protected:
  LimitsSessionTest() { storage_.AddAccount("user", "secret", {"1\r\n", "2\r\n"}); }

  std::unique_ptr<Client> Greeted() {
    std::unique_ptr<Client> client = Connect();
    EXPECT_THAT(client->ReadLine(), StartsWith("+OK "));
    return client;
  }
  // Connects until there is room: a session that has ended is counted a moment longer.
  std::unique_ptr<Client> GreetedAtLast() {
    while (true) {
      auto client = Connect();
      if (client->ReadLine()[0] == '+') return client;
    }
  }
};

TEST_F(LimitsSessionTest, TellsAnAddressThatItHasTooManyConnections) {
  options_.settings.of_address = {.connections = 2, .new_connections_per_minute = 0};
  auto first = Greeted();
  auto second = Greeted();
  auto third = Connect();
  EXPECT_EQ(third->ReadLine(), "-ERR [SYS/TEMP] Too many connections from this address.");
  EXPECT_TRUE(third->AtEnd());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kConnectionsOfAddress, 1));
  EXPECT_EQ(second->Command("QUIT"), "+OK Bye.");
  GreetedAtLast();
}

TEST_F(LimitsSessionTest, TellsAnAddressThatItsConnectionsComeTooFast) {
  options_.settings.of_address = {.connections = 0, .new_connections_per_minute = 3};
  for (int i = 0; i < 3; ++i) Greeted();
  auto fourth = Connect();
  EXPECT_EQ(fourth->ReadLine(),
            "-ERR [SYS/TEMP] New connections come too fast from this address.");
  EXPECT_TRUE(fourth->AtEnd());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kNewConnectionsOfAddress, 1));
  clock_.Advance(seconds(20));
  Greeted();
}

TEST_F(LimitsSessionTest, DoesNotLimitNetworksThatAreExempt) {
  options_.settings.of_address = {.connections = 1,
                                  .new_connections_per_minute = 1,
                                  .exempt = {*Network::Parse("127.0.0.0/8")}};
  auto first = Greeted();
  auto second = Greeted();
}

TEST_F(LimitsSessionTest, TellsInsideTlsWhereTlsComesFirst) {
  options_.settings.of_address = {.connections = 1, .new_connections_per_minute = 0};
  auto first = ConnectTls();
  EXPECT_THAT(first->ReadLine(), StartsWith("+OK"));
  auto second = ConnectTls();
  EXPECT_EQ(second->ReadLine(), "-ERR [SYS/TEMP] Too many connections from this address.");
  EXPECT_TRUE(second->AtEnd());
}

TEST_F(LimitsSessionTest, TellsInsideTlsThatThereAreTooManyConnectionsInAll) {
  options_.settings.max_connections = 1;
  auto first = ConnectTls();
  EXPECT_THAT(first->ReadLine(), StartsWith("+OK"));
  auto second = ConnectTls();
  EXPECT_EQ(second->ReadLine(),
            "-ERR [SYS/TEMP] Too many connections, please try again later.");
  EXPECT_TRUE(second->AtEnd());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kConnections, 1));
}

TEST_F(LimitsSessionTest, ChecksThePasswordBeforeItSaysThatAUserHasTooManySessions) {
  options_.settings.max_sessions_per_user = 1;
  options_.settings.lock_wait = seconds(1);
  auto first = Open();
  auto second = Greeted();
  second->Command("USER USER");
  EXPECT_THAT(second->Command("PASS wrong"), StartsWith("-ERR [AUTH]"));
  second->Command("USER user");
  EXPECT_EQ(second->Command("PASS secret"), "-ERR [IN-USE] Too many sessions of this user.");
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kSessionsOfUser, 1));
  first->Command("QUIT");
  EXPECT_TRUE(first->AtEnd());
  std::string reply;
  while (reply != "+OK Logged in.") {
    second->Command("USER user");
    reply = second->Command("PASS secret");
    ASSERT_THAT(reply, testing::AnyOf("+OK Logged in.", StartsWith("-ERR [IN-USE]")));
  }
}

TEST_F(LimitsSessionTest, LeavesTheMaildropWithTheOlderSessionWhenItRefusesOneTooMany) {
  options_.settings.max_sessions_per_user = 2;
  options_.settings.take_over = true;
  auto first = Open();
  auto second = Open();
  EXPECT_THAT(second->Command("DELE 1"), StartsWith("+OK"));
  auto third = Greeted();
  third->Command("USER user");
  EXPECT_EQ(third->Command("PASS secret"), "-ERR [IN-USE] Too many sessions of this user.");
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kSessionsOfUser, 1));
  EXPECT_THAT(second->Command("QUIT"), StartsWith("+OK"));
  EXPECT_EQ(storage_.Uids("user").size(), 1u);
}

class TriedPasswordsTest : public LimitsSessionTest,
                           public testing::WithParamInterface<TimeSpan> {};

TEST_P(TriedPasswordsTest, KeepNoUserOut) {
  options_.settings.max_sessions_per_user = 1;
  options_.settings.lock_wait = GetParam();
  auto stranger = Greeted();
  auto owner = Greeted();
  stranger->Command("USER user");
  owner->Command("USER user");
  storage_.HoldOperations(true);
  stranger->Send("PASS wrong\r\n");
  owner->Send("PASS secret\r\n");
  storage_.HoldOperations(false);
  EXPECT_EQ(owner->ReadLine(), "+OK Logged in.");
  EXPECT_THAT(stranger->ReadLine(), StartsWith("-ERR [AUTH]"));
}
INSTANTIATE_TEST_SUITE_P(WithAndWithoutLockWait, TriedPasswordsTest,
                         testing::Values(seconds(0), seconds(30)));

TEST_F(LimitsSessionTest, DoesNotCountLoginsThatFailed) {
  options_.settings.max_sessions_per_user = 1;
  options_.settings.lock_wait = seconds(1);
  auto client = Greeted();
  for (int i = 0; i < 2; ++i) {
    client->Command("USER user");
    EXPECT_THAT(client->Command("PASS wrong"), StartsWith("-ERR [AUTH]"));
  }
  client->Command("USER user");
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
}

TEST_F(LimitsSessionTest, ClosesAfterTooManyWrongCommandsBeforeLogin) {
  options_.settings.max_bad_commands_before_login = 4;
  auto client = Greeted();
  EXPECT_EQ(client->Command("GET / HTTP/1.1"), "-ERR Unknown command.");
  EXPECT_THAT(client->Command("STAT"), StartsWith("-ERR Log in"));
  EXPECT_THAT(client->Command(std::string(1000, 'x')),
              StartsWith("-ERR [SYS/PERM] Line too long"));
  EXPECT_EQ(client->Command("AUTH NTLM"), "-ERR [SYS/PERM] Too many wrong commands.");
  EXPECT_TRUE(client->AtEnd());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kBadCommands, 1));
}

TEST_F(LimitsSessionTest, ClosesAfterTooManyLongLines) {
  options_.settings.max_bad_commands_before_login = 2;
  auto client = Greeted();
  client->Send(
      absl::StrCat(std::string(1000, 'x'), "\r\n", std::string(1000, 'x'), "\r\n", "CAPA\r\n"));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/PERM] Line too long"));
  EXPECT_THAT(client->ReadLine(), StartsWith("-ERR [SYS/PERM]"));
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(LimitsSessionTest, ForgivesWrongCommandsForARightOne) {
  options_.settings.max_bad_commands_before_login = 2;
  options_.settings.max_bad_commands = 2;
  auto client = Greeted();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client->Command("XTND"), "-ERR Unknown command.");
    EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  }
  EXPECT_EQ(client->Command("PASS secret"), "+OK Logged in.");
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(client->Command("RETR 9"), StartsWith("-ERR There is"));
    EXPECT_EQ(client->Command("NOOP"), "+OK");
  }
}

TEST_F(LimitsSessionTest, ForgivesLinesThatAreTooLongForARightCommand) {
  options_.settings.max_bad_commands_before_login = 3;
  auto client = Greeted();
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(client->Command(std::string(300, 'x')), StartsWith("-ERR [SYS/PERM] Line"));
    EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
  }
}

TEST_F(LimitsSessionTest, CountsLinesThatAreTooLong) {
  auto client = Greeted();
  EXPECT_THAT(client->Command(std::string(256, 'x')), StartsWith("-ERR [SYS/PERM] Line"));
  EXPECT_EQ(client->Command("AUTH PLAIN"), "+ ");
  EXPECT_THAT(client->Command(std::string(70'000, 'A')),
              StartsWith("-ERR [SYS/PERM] Response too long"));
  EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", std::string(65'540, 'A'))),
              StartsWith("-ERR [SYS/PERM] Response too long"));
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kLineLength, 3));
}

TEST_F(LimitsSessionTest, ClosesAfterTooManyWrongCommandsOfASessionAndDeletesNothing) {
  options_.settings.max_bad_commands = 3;
  auto client = Open();
  client->Command("DELE 1");
  EXPECT_THAT(client->Command("RETR 1"), StartsWith("-ERR "));
  EXPECT_THAT(client->Command("DELE 0"), StartsWith("-ERR "));
  EXPECT_EQ(client->Command("USER user"), "-ERR [SYS/PERM] Too many wrong commands.");
  EXPECT_TRUE(client->AtEnd());
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_EQ(storage_.Uids("user").size(), 2u);
}

TEST_F(LimitsSessionTest, CountsALoginRefusedByTheServiceForNoWrongCommand) {
  options_.settings.max_bad_commands_before_login = 2;
  auto first = Open();
  auto client = Greeted();
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(client->Command("USER user"), "+OK Send PASS.");
    EXPECT_THAT(client->Command("PASS secret"), StartsWith("-ERR [IN-USE]"));
  }
}

TEST_F(LimitsSessionTest, GivesABusyClientSoLongInAllToLogIn) {
  auto client = Greeted();
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(seconds(50));
    clock_.AwaitLooks();
    EXPECT_EQ(client->Command("NOOP"), "-ERR Log in first.");
  }
  clock_.Advance(seconds(30));
  EXPECT_TRUE(client->AtEnd());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kTimeBeforeLogin, 1));
}

TEST_F(LimitsSessionTest, GivesASessionSoLongInAllWhereTheOperatorSaysSo) {
  options_.settings.session_timeout = minutes(12);
  auto client = Open();
  client->Command("DELE 1");
  clock_.Advance(minutes(9));
  clock_.AwaitLooks();
  EXPECT_EQ(client->Command("NOOP"), "+OK");
  clock_.Advance(minutes(3));
  EXPECT_TRUE(client->AtEnd());
  ASSERT_TRUE(storage_.WaitUntilUnlocked("user"));
  EXPECT_EQ(storage_.Uids("user").size(), 2u);
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kTimeInSession, 1));
}

TEST_F(LimitsSessionTest, LetsASessionLastOtherwise) {
  auto client = Open();
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(minutes(9));
    clock_.AwaitLooks();
    EXPECT_EQ(client->Command("NOOP"), "+OK");
  }
}

TEST_F(LimitsSessionTest, GivesAHandshakeItsOwnTime) {
  auto client = Greeted();
  EXPECT_THAT(client->Command("STLS"), StartsWith("+OK"));
  clock_.AwaitLooks();
  clock_.Advance(seconds(29));
  clock_.AwaitLooks();
  EXPECT_FALSE(client->HasOctets());
  clock_.Advance(seconds(1));
  EXPECT_TRUE(client->AtEnd());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kTlsHandshake, 1));
}

TEST_F(LimitsSessionTest, TakesLinesAsLongAsTheOperatorLets) {
  options_.settings.lines = {.command = 300, .sasl_response = 1024};
  auto client = Greeted();
  const std::string longest = absl::StrCat("USER ", std::string(293, 'u'));
  EXPECT_EQ(client->Command(longest), "+OK Send PASS.");
  EXPECT_THAT(client->Command(longest + "u"), StartsWith("-ERR [SYS/PERM] Line too long"));
  const std::string response =
      absl::Base64Escape(absl::StrCat(absl::string_view("\0user\0", 6), std::string(762, 'p')));
  ASSERT_EQ(response.size(), 1024u);
  EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", response)),
              StartsWith("-ERR [AUTH]"));
  EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", response, "AAAA")),
              StartsWith("-ERR [SYS/PERM] Response too long"));
  EXPECT_THAT(client->Command(absl::StrCat("AUTH PLAIN ", std::string(5000, 'A'))),
              StartsWith("-ERR [SYS/PERM] Line too long"));
}

TEST_F(LimitsSessionTest, CountsTooManyFailedLogins) {
  auto client = Greeted();
  for (int i = 0; i < 3; ++i) {
    client->Command("USER user");
    EXPECT_THAT(client->Command("PASS wrong"), StartsWith("-ERR [AUTH]"));
  }
  EXPECT_TRUE(client->AtEnd());
  EXPECT_TRUE(AwaitHits(*server_, clock_, Limit::kFailedLogins, 1));
}

}  // namespace
}  // namespace restante::pop3
