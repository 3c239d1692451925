#include "plugins/auth/protocol.h"

#include <gtest/gtest.h>

namespace restante::auth {
namespace {

using Verb = ClientLine::Verb;

TEST(AuthProtocolTest, ReadsWhatPostfixSends) {
  EXPECT_EQ(ParseLine("VERSION\t1\t1").verb, Verb::kVersion);
  EXPECT_EQ(ParseLine("VERSION\t1\t1").major, 1u);
  EXPECT_EQ(ParseLine("CPID\t4711").verb, Verb::kProcess);
  const ClientLine auth = ParseLine(
      "AUTH\t7\tplain\tservice=smtp\tnologin\tlip=192.0.2.1\trip=192.0.2.9\tlport=587\t"
      "rport=50000\tsecured\tresp=AGFubgB0dWxpcA==");
  EXPECT_EQ(auth.verb, Verb::kAuth);
  EXPECT_EQ(auth.id, 7u);
  EXPECT_EQ(auth.mechanism, "PLAIN");
  EXPECT_EQ(auth.service, "smtp");
  EXPECT_EQ(auth.remote, "192.0.2.9:50000");
  EXPECT_TRUE(auth.secured);
  EXPECT_TRUE(auth.has_response);
  EXPECT_EQ(auth.response, "AGFubgB0dWxpcA==");
}

TEST(AuthProtocolTest, AnInitialResponseMayBeEmptyOrAbsent) {
  EXPECT_FALSE(ParseLine("AUTH\t1\tLOGIN\tservice=smtp").has_response);
  EXPECT_FALSE(ParseLine("AUTH\t1\tLOGIN\tservice=smtp\tresp=").has_response) << "as Exim says";
  EXPECT_TRUE(ParseLine("AUTH\t1\tPLAIN\tservice=smtp\tresp==").has_response);
  EXPECT_EQ(ParseLine("AUTH\t1\tPLAIN\trip=2001:db8::1\trport=5").remote, "[2001:db8::1]:5");
  EXPECT_EQ(ParseLine("AUTH\t1\tPLAIN\trip=192.0.2.9").remote, "192.0.2.9");
  EXPECT_FALSE(ParseLine("AUTH\t1\tPLAIN").secured);
}

TEST(AuthProtocolTest, ReadsResponses) {
  const ClientLine line = ParseLine("CONT\t7\tdHVsaXA=");
  EXPECT_EQ(line.verb, Verb::kContinue);
  EXPECT_EQ(line.id, 7u);
  EXPECT_EQ(line.response, "dHVsaXA=");
  EXPECT_EQ(ParseLine("CONT\t7\t").response, "");
  EXPECT_EQ(ParseLine("CANCEL\t7").verb, Verb::kCancel);
}

TEST(AuthProtocolTest, PassesOverCommandsOfOtherVersions) {
  EXPECT_EQ(ParseLine("").verb, Verb::kUnknown);
  EXPECT_EQ(ParseLine("SOMETHING\tnew").verb, Verb::kUnknown);
}

TEST(AuthProtocolTest, WrongFieldsAreMalformed) {
  for (const char* line :
       {"VERSION", "VERSION\tone\t1", "VERSION\t1", "CPID", "CPID\tx", "AUTH", "AUTH\t0\tPLAIN",
        "AUTH\tx\tPLAIN", "AUTH\t-1\tPLAIN", "AUTH\t4294967296\tPLAIN", "AUTH\t1", "AUTH\t1\t",
        "AUTH\t1\tPLAIN\tresp=AA==\tsecured", "CONT", "CONT\t0\tAA==", "CONT\t1\tAA==\tx",
        "CANCEL\t"}) {
    EXPECT_EQ(ParseLine(line).verb, Verb::kMalformed) << line;
  }
}

TEST(AuthProtocolTest, SaysHelloAsDovecotDoes) {
  EXPECT_EQ(Handshake(12, 3, "0123"),
            "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t12\nCUID\t3\n"
            "COOKIE\t0123\nDONE\n");
}

TEST(AuthProtocolTest, Answers) {
  EXPECT_EQ(OkLine(7, "ann@example.org"), "OK\t7\tuser=ann@example.org\n");
  EXPECT_EQ(ContinueLine(7, "Password:"), "CONT\t7\tUGFzc3dvcmQ6\n");
  EXPECT_EQ(ContinueLine(7, ""), "CONT\t7\t\n");
  EXPECT_EQ(FailLine(7, "", Failure::kCredentials), "FAIL\t7\n");
  EXPECT_EQ(FailLine(7, "ann", Failure::kCredentials), "FAIL\t7\tuser=ann\n");
  EXPECT_EQ(FailLine(7, "ann", Failure::kTemporary), "FAIL\t7\tuser=ann\ttemp\n");
  EXPECT_EQ(FailLine(7, "ann", Failure::kDisabled), "FAIL\t7\tuser=ann\tuser_disabled\n");
  EXPECT_EQ(FailLine(7, "", Failure::kOtherUser), "FAIL\t7\tauthz\n");
}

TEST(AuthProtocolTest, NoNameCanForgeAField) {
  EXPECT_EQ(FailLine(7, "a\tb\nOK\t8", Failure::kCredentials),
            "FAIL\t7\tuser=a\x01tb\x01nOK\x01t8\n");
  const std::string all("\0\x01\t\r\n a", 7);
  EXPECT_EQ(UnescapeValue(EscapeValue(all)), all);
  EXPECT_EQ(EscapeValue(all).find_first_of(std::string("\0\t\r\n", 4)), std::string::npos);
  EXPECT_EQ(UnescapeValue("a\x01"), "a\x01");
}

}  // namespace
}  // namespace restante::auth
