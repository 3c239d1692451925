// Command lines: verbs, paths and parameters, as tables.
#include "plugins/lmtpd/command.h"

#include <gtest/gtest.h>

#include <limits>
#include <ostream>
#include <string>

namespace restante::lmtp {

void PrintTo(const Reply& reply, std::ostream* out) { *out << reply.code << reply.text; }

namespace {

TEST(ParseCommandTest, KnowsVerbsInAnyCase) {
  EXPECT_EQ(ParseCommand("LHLO mx.example.org").verb, Verb::kLhlo);
  EXPECT_EQ(ParseCommand("lhlo mx.example.org").verb, Verb::kLhlo);
  EXPECT_EQ(ParseCommand("Mail FROM:<>").verb, Verb::kMail);
  EXPECT_EQ(ParseCommand("rCPT TO:<a>").verb, Verb::kRcpt);
  EXPECT_EQ(ParseCommand("DATA").verb, Verb::kData);
  EXPECT_EQ(ParseCommand("BDAT 1").verb, Verb::kBdat);
  EXPECT_EQ(ParseCommand("RSET").verb, Verb::kRset);
  EXPECT_EQ(ParseCommand("NOOP").verb, Verb::kNoop);
  EXPECT_EQ(ParseCommand("QUIT").verb, Verb::kQuit);
  EXPECT_EQ(ParseCommand("VRFY a").verb, Verb::kVrfy);
  EXPECT_EQ(ParseCommand("HELP").verb, Verb::kHelp);
  EXPECT_EQ(ParseCommand("EHLO x").verb, Verb::kOtherHello);
  EXPECT_EQ(ParseCommand("HELO x").verb, Verb::kOtherHello);
  EXPECT_EQ(ParseCommand("starttls").verb, Verb::kStartTls);
  EXPECT_EQ(ParseCommand("EXPN list").verb, Verb::kNotImplemented);
}

TEST(ParseCommandTest, DoesNotGuessVerbs) {
  EXPECT_EQ(ParseCommand("").verb, Verb::kUnknown);
  EXPECT_EQ(ParseCommand(" DATA").verb, Verb::kUnknown);
  EXPECT_EQ(ParseCommand("DATAX").verb, Verb::kUnknown);
  EXPECT_EQ(ParseCommand("DAT").verb, Verb::kUnknown);
  EXPECT_EQ(ParseCommand("Subject: DATA").verb, Verb::kUnknown);
}

TEST(ParseCommandTest, TakesSpacesOffTheArgument) {
  EXPECT_EQ(ParseCommand("NOOP   a b  ").argument, "a b");
  EXPECT_EQ(ParseCommand("DATA ").argument, "");
}

TEST(ParseCommandTest, RefusesControlCharacters) {
  EXPECT_EQ(ParseCommand(std::string_view("NOOP\0", 5)).verb, Verb::kBadCharacters);
  EXPECT_EQ(ParseCommand("MAIL FROM:<a\tb>").verb, Verb::kBadCharacters);
  EXPECT_EQ(ParseCommand("RCPT TO:<a>\rRSET").verb, Verb::kBadCharacters);
}

struct SenderCase {
  std::string argument;
  std::string sender;
};

TEST(ParseMailTest, ReadsReversePaths) {
  for (const SenderCase& c : std::vector<SenderCase>{
           {"FROM:<>", ""},
           {"FROM:<user>", "user"},
           {"FROM:<user@example.org>", "user@example.org"},
           {"from:<User+Tag@EXAMPLE.org>", "User+Tag@EXAMPLE.org"},
           {"FROM: <user@example.org>", "user@example.org"},
           {"FROM:<\"a b\\\"c@d\"@example.org>", "\"a b\\\"c@d\"@example.org"},
           {"FROM:<@one.example,@two.example:user@example.org>", "user@example.org"},
           {"FROM:<user@[192.0.2.1]>", "user@[192.0.2.1]"},
           {"FROM:<user@[IPv6:2001:db8::1]>", "user@[IPv6:2001:db8::1]"},
           {"FROM:<a..b.@docomo.example>", "a..b.@docomo.example"},
           {"FROM:<!#$%&'*+-/=?^_`{|}~@under_score.example>",
            "!#$%&'*+-/=?^_`{|}~@under_score.example"},
           {"FROM:<" + std::string(900, 'a') + "@example.org>",
            std::string(900, 'a') + "@example.org"},
       }) {
    MailArguments mail;
    EXPECT_EQ(ParseMail(c.argument, &mail), nullptr) << c.argument;
    EXPECT_EQ(mail.sender.text, c.sender);
  }
}

TEST(ParseMailTest, RefusesWhatIsNoReversePath) {
  for (const std::string argument : {
           "FROM:<user@>",
           "FROM:<@example.org>",
           "FROM:<user@example..org>",
           "FROM:<user@example.org.>",
           "FROM:<us er@example.org>",
           "FROM:<user@example.org",
           "FROM:<user@example.org>x",
           "FROM:<user@@example.org>",
           "FROM:<\"user@example.org>",
           "FROM:<\"a\"b@example.org>",
           "FROM:<user@[192.0.2.1>",
           "FROM:<@one:>",
           "FROM:<a,b@example.org>",
           "FROM:<<a@example.org>>",
           "FROM:< >",
       }) {
    MailArguments mail;
    EXPECT_EQ(ParseMail(argument, &mail), &reply::kBadSender) << argument;
  }
  for (const std::string argument :
       {"", "FROM", "FROM:", "FROM:user@example.org", "TO:<user@example.org>", "<user>"}) {
    MailArguments mail;
    EXPECT_EQ(ParseMail(argument, &mail), &reply::kMailSyntax) << argument;
  }
}

TEST(ParseMailTest, ReadsParametersInAnyOrderAndCase) {
  MailArguments mail;
  EXPECT_EQ(ParseMail("FROM:<a@b> body=8bitmime  SIZE=12345 smtputf8", &mail), nullptr);
  EXPECT_EQ(mail.declared_octets, 12345u);
  EXPECT_TRUE(mail.smtputf8);
  MailArguments plain;
  EXPECT_EQ(ParseMail("FROM:<a@b> BODY=7BIT", &plain), nullptr);
  EXPECT_EQ(plain.declared_octets, 0u);
  EXPECT_FALSE(plain.smtputf8);
}

TEST(ParseMailTest, TakesWhatAsksForNotifications) {
  for (const std::string parameters :
       {"RET=FULL", "ret=hdrs ENVID=QQ314159", "ENVID=a+20b+2Bc+3D",
        "ENVID=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxx+2B RET=HDRS"}) {
    MailArguments mail;
    EXPECT_EQ(ParseMail("FROM:<a@b> " + parameters, &mail), nullptr) << parameters;
  }
}

TEST(ParseMailTest, TakesASizeBeyond64BitsForTheLargest) {
  MailArguments mail;
  EXPECT_EQ(ParseMail("FROM:<> SIZE=99999999999999999999", &mail), nullptr);
  EXPECT_EQ(mail.declared_octets, std::numeric_limits<uint64_t>::max());
}

TEST(ParseMailTest, RefusesBadParametersByName) {
  const struct {
    std::string parameters;
    const Reply* reply;
  } cases[] = {
      {"SIZE=", &reply::kBadSize},
      {"SIZE", &reply::kBadSize},
      {"SIZE=1k", &reply::kBadSize},
      {"SIZE=-1", &reply::kBadSize},
      {"SIZE=1 SIZE=1", &reply::kRepeatedParameter},
      {"BODY=BINARYMIME", &reply::kBadBody},
      {"BODY", &reply::kBadBody},
      {"BODY=7BIT BODY=7BIT", &reply::kRepeatedParameter},
      {"SMTPUTF8=yes", &reply::kBadSmtpUtf8},
      {"SMTPUTF8 SMTPUTF8", &reply::kRepeatedParameter},
      {"RET=SOME", &reply::kBadRet},
      {"RET", &reply::kBadRet},
      {"RET=FULL RET=HDRS", &reply::kRepeatedParameter},
      {"ENVID=", &reply::kBadEnvid},
      {"ENVID=a=b", &reply::kBadEnvid},
      {"ENVID=a+0Ab", &reply::kBadEnvid},
      {"ENVID=" + std::string(101, 'x'), &reply::kBadEnvid},
      {"ENVID=a ENVID=a", &reply::kRepeatedParameter},
      {"NOTIFY=NEVER", &reply::kUnknownParameter},
      {"AUTH=<>", &reply::kUnknownParameter},
      {"=", &reply::kUnknownParameter},
  };
  for (const auto& c : cases) {
    MailArguments mail;
    EXPECT_EQ(ParseMail("FROM:<a@b> " + c.parameters, &mail), c.reply) << c.parameters;
  }
}

TEST(ParseMailTest, TakesUtf8OnlyWithSmtpUtf8) {
  MailArguments mail;
  EXPECT_EQ(ParseMail("FROM:<jürgen@bücher.example>", &mail), &reply::kSenderNeedsUtf8);
  MailArguments with;
  EXPECT_EQ(ParseMail("FROM:<jürgen@bücher.example> SMTPUTF8", &with), nullptr);
  EXPECT_EQ(with.sender.text, "jürgen@bücher.example");
}

TEST(ParseMailTest, RefusesWhatIsNotUtf8) {
  for (const std::string octets :
       {"\xFF", "\xC3", "\xC3(", "\xE2\x82", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xE0\x80\xAF", "\x80"}) {
    MailArguments mail;
    EXPECT_EQ(ParseMail("FROM:<a" + octets + "@b> SMTPUTF8", &mail), &reply::kBadSender);
  }
}

TEST(ParseRcptTest, ReadsAddressForms) {
  for (const SenderCase& c : std::vector<SenderCase>{
           {"TO:<user>", "user"},
           {"to:<user@example.org>", "user@example.org"},
           {"TO: <user+detail@example.org>", "user+detail@example.org"},
           {"TO:<\"user\"@example.org>", "\"user\"@example.org"},
           {"TO:<@relay.example:user@example.org>", "user@example.org"},
           {"TO:<Postmaster>", "Postmaster"},
       }) {
    Path path;
    EXPECT_EQ(ParseRcpt(c.argument, false, &path), nullptr) << c.argument;
    EXPECT_EQ(path.text, c.sender);
  }
}

TEST(ParseRcptTest, RefusesByWhatIsWrong) {
  const struct {
    std::string argument;
    const Reply* reply;
  } cases[] = {
      {"TO:<>", &reply::kBadRecipient},
      {"TO:<user@>", &reply::kBadRecipient},
      {"TO:<user@example.org>>", &reply::kBadRecipient},
      {"TO:user@example.org", &reply::kRcptSyntax},
      {"FROM:<user>", &reply::kRcptSyntax},
      {"", &reply::kRcptSyntax},
      {"TO:<user@[192.0.2.1]>", &reply::kAddressLiteral},
      {"TO:<user> NOTIFY", &reply::kBadNotify},
      {"TO:<user> NOTIFY=", &reply::kBadNotify},
      {"TO:<user> NOTIFY=ALWAYS", &reply::kBadNotify},
      {"TO:<user> NOTIFY=NEVER,FAILURE", &reply::kBadNotify},
      {"TO:<user> NOTIFY=SUCCESS,", &reply::kBadNotify},
      {"TO:<user> NOTIFY=,SUCCESS", &reply::kBadNotify},
      {"TO:<user> NOTIFY=NEVER NOTIFY=NEVER", &reply::kRepeatedParameter},
      {"TO:<user> ORCPT=user", &reply::kBadOrcpt},
      {"TO:<user> ORCPT=;user", &reply::kBadOrcpt},
      {"TO:<user> ORCPT=rfc822;", &reply::kBadOrcpt},
      {"TO:<user> ORCPT=rfc822;a=b", &reply::kBadOrcpt},
      {"TO:<user> ORCPT=rfc822;a+0Db", &reply::kBadOrcpt},
      {"TO:<user> ORCPT=rfc<822>;a", &reply::kBadOrcpt},
      {"TO:<user> ORCPT=utf-8;jürgen", &reply::kBadOrcpt},
      {"TO:<user> ORCPT=rfc822;" + std::string(501, 'x'), &reply::kBadOrcpt},
      {"TO:<user> ORCPT=rfc822;a ORCPT=rfc822;a", &reply::kRepeatedParameter},
      {"TO:<user> RET=HDRS", &reply::kUnknownParameter},
      {"TO:<jürgen>", &reply::kRecipientNeedsUtf8},
  };
  for (const auto& c : cases) {
    Path path;
    EXPECT_EQ(ParseRcpt(c.argument, false, &path), c.reply) << c.argument;
  }
  Path path;
  EXPECT_EQ(ParseRcpt("TO:<jürgen>", true, &path), nullptr);
}

TEST(ParseRcptTest, TakesWhatAsksForNotifications) {
  for (const std::string parameters :
       {"NOTIFY=NEVER", "notify=success,Failure,DELAY", "NOTIFY=DELAY",
        "ORCPT=rfc822;user+2Bdetail@example.org", "ORCPT=utf-8;j\\x{FC}rgen@example.org",
        "ORCPT=x400;/S+3Duser/ NOTIFY=NEVER",
        "  ORCPT=utf-8;jürgen@example.org  NOTIFY=FAILURE"}) {
    Path path;
    const bool utf8 = parameters.find("\xC3") != std::string::npos;
    EXPECT_EQ(ParseRcpt("TO:<user> " + parameters, utf8, &path), nullptr) << parameters;
    EXPECT_EQ(path.text, "user");
  }
}

TEST(ParseBdatTest, ReadsSizeAndLast) {
  BdatArguments bdat;
  EXPECT_EQ(ParseBdat("1000", &bdat), nullptr);
  EXPECT_EQ(bdat.octets, 1000u);
  EXPECT_FALSE(bdat.last);
  EXPECT_EQ(ParseBdat("0 last", &bdat), nullptr);
  EXPECT_EQ(bdat.octets, 0u);
  EXPECT_TRUE(bdat.last);
}

TEST(ParseBdatTest, RefusesAnythingElse) {
  for (const std::string argument :
       {"", "LAST", "x", "-1", "+1", "0x10", "99999999999999999999 LAST", "10 FIRST",
        "10 LAST LAST", "10LAST", "1.5"}) {
    BdatArguments bdat;
    EXPECT_EQ(ParseBdat(argument, &bdat), &reply::kBdatSyntax) << argument;
  }
}

}  // namespace
}  // namespace restante::lmtp
