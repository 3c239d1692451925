// The text of the fields that are put on top of a message.
#include "plugins/lmtpd/trace_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace restante::lmtp {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr TraceSettings kAll{.return_path = true, .delivered_to = true, .received = true};

TraceFields::Facts SomeFacts() {
  TraceFields::Facts facts;
  facts.hostname = "mx.test";
  facts.client.endpoint.emplace(asio::ip::make_address("192.0.2.1"), 4000);
  facts.client.helo = "client.example";
  facts.request_id = "0123456789abcdef-1";
  facts.time = absl::FromUnixSeconds(1'795'860'000);
  return facts;
}

std::string ReceivedOf(const TraceFields::Facts& facts) {
  return TraceFields({.received = true}, "sender", facts).For("user");
}

TEST(TraceFieldsTest, ThereAreNoneUnlessTheyAreOn) {
  EXPECT_EQ(TraceFields().For("user"), "");
  EXPECT_EQ(TraceFields(TraceSettings(), "sender", SomeFacts()).For("user"), "");
  EXPECT_FALSE(TraceSettings().Any());
}

TEST(TraceFieldsTest, StandInTheirOrder) {
  EXPECT_EQ(TraceFields(kAll, "sender@example.org", SomeFacts()).For("user@example.net"),
            "Return-Path: <sender@example.org>\r\n"
            "Delivered-To: user@example.net\r\n"
            "Received: from client.example ([192.0.2.1])\r\n"
            "\tby mx.test with LMTP id 0123456789abcdef-1\r\n"
            "\tfor <user@example.net>;\r\n"
            "\tSat, 28 Nov 2026 10:00:00 +0000\r\n");
}

TEST(TraceFieldsTest, AreOnOneByOne) {
  const TraceFields::Facts facts = SomeFacts();
  EXPECT_EQ(TraceFields({.return_path = true}, "", facts).For("user"), "Return-Path: <>\r\n");
  EXPECT_EQ(TraceFields({.delivered_to = true}, "x", facts).For("user"),
            "Delivered-To: user\r\n");
  EXPECT_TRUE(TraceFields({.delivered_to = true}, "x", facts).DifferByRecipient());
  EXPECT_FALSE(
      TraceFields({.return_path = true, .received = true}, "x", facts).DifferByRecipient());
}

TEST(TraceFieldsTest, ForSeveralRecipientsNoneIsNamed) {
  EXPECT_THAT(TraceFields({.received = true}, "x", SomeFacts()).For(""),
              Not(HasSubstr("\tfor ")));
}

TEST(TraceFieldsTest, ReceivedTellsHowTheMessageCame) {
  TraceFields::Facts facts = SomeFacts();
  facts.client.name = "mta.example";
  facts.tls = true;
  EXPECT_THAT(ReceivedOf(facts), HasSubstr("from client.example (mta.example [192.0.2.1])"));
  EXPECT_THAT(ReceivedOf(facts), HasSubstr(" with LMTPS "));
  facts.smtputf8 = true;
  EXPECT_THAT(ReceivedOf(facts), HasSubstr(" with UTF8LMTPS "));
  facts.tls = false;
  EXPECT_THAT(ReceivedOf(facts), HasSubstr(" with UTF8LMTP "));
  facts.client.name.clear();
  facts.client.endpoint->address(asio::ip::make_address("2001:db8::1"));
  EXPECT_THAT(ReceivedOf(facts), HasSubstr("([IPv6:2001:db8::1])"));
  facts.client.endpoint.reset();
  EXPECT_THAT(ReceivedOf(facts), HasSubstr("from client.example (unknown)"));
  facts.client.is_unix = true;
  EXPECT_THAT(ReceivedOf(facts), HasSubstr("from client.example (local)"));
}

TEST(TraceFieldsTest, NoClientCanForgeAClauseOrAField) {
  TraceFields::Facts facts = SomeFacts();
  facts.client.helo = "a) by evil; id x\r\nSubject: \xC3\xBC";
  EXPECT_THAT(ReceivedOf(facts), HasSubstr("from a??by?evil??id?x??Subject:??? (["));
  facts.client.helo = std::string(2000, 'a');
  EXPECT_LT(ReceivedOf(facts).find(" ("), 300u);
  facts.client.helo = "";
  EXPECT_THAT(ReceivedOf(facts), HasSubstr("Received: from unknown ("));
}

}  // namespace
}  // namespace restante::lmtp
