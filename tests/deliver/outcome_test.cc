#include "plugins/deliver/outcome.h"

#include <gtest/gtest.h>

namespace restante::deliver {
namespace {

Outcome Of(int code, std::string enhanced,
           config::OverQuota over_quota = config::OVER_QUOTA_DEFER) {
  return OutcomeOf(Reply{code, std::move(enhanced), "Why.", ""}, "ann@example.org", over_quota);
}

TEST(OutcomeTest, SuccessIsZeroAndSaysNothing) {
  EXPECT_EQ(Of(250, "2.0.0").exit_code, EX_OK);
  EXPECT_EQ(Of(250, "2.0.0").text, "");
}

TEST(OutcomeTest, ExitCodesTellTheMtaWhatToDo) {
  struct {
    int code;
    const char* enhanced;
    int exit_code;
    const char* text;
  } const cases[] = {
      {550, "5.1.1", EX_NOUSER, "5.1.1 <ann@example.org>: Why.\n"},
      {550, "5.2.1", EX_NOUSER, "5.2.1 <ann@example.org>: Why.\n"},
      {501, "5.1.7", EX_DATAERR, "5.1.7 <ann@example.org>: Why.\n"},
      {552, "5.3.4", EX_DATAERR, "5.3.4 <ann@example.org>: Why.\n"},
      {554, "5.6.0", EX_DATAERR, "5.6.0 <ann@example.org>: Why.\n"},
      {550, "5.7.1", EX_NOPERM, "5.7.1 <ann@example.org>: Why.\n"},
      {554, "", EX_UNAVAILABLE, "5.3.0 <ann@example.org>: Why.\n"},
      {451, "4.3.0", EX_TEMPFAIL, "4.3.0 <ann@example.org>: Why.\n"},
      {452, "4.3.1", EX_TEMPFAIL, "4.3.1 <ann@example.org>: Why.\n"},
      {421, "", EX_TEMPFAIL, "4.3.0 <ann@example.org>: Why.\n"},
      {354, "", EX_TEMPFAIL, "4.3.0 <ann@example.org>: Why.\n"},
      // A misunderstanding between programs is no reason to return the message.
      {503, "5.5.1", EX_TEMPFAIL, "4.3.0 <ann@example.org>: Why.\n"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(Of(one.code, one.enhanced).exit_code, one.exit_code) << one.text;
    EXPECT_EQ(Of(one.code, one.enhanced).text, one.text);
  }
}

TEST(OutcomeTest, AFullMailboxIsWhatTheConfigurationSays) {
  for (const char* enhanced : {"4.2.2", "5.2.2"}) {
    const int code = enhanced[0] == '4' ? 452 : 552;
    EXPECT_EQ(Of(code, enhanced, config::OVER_QUOTA_DEFER).exit_code, EX_TEMPFAIL);
    EXPECT_EQ(Of(code, enhanced, config::OVER_QUOTA_DEFER).text,
              "4.2.2 <ann@example.org>: Why.\n");
    EXPECT_EQ(Of(code, enhanced, config::OVER_QUOTA_REJECT).exit_code, EX_CANTCREAT);
    EXPECT_EQ(Of(code, enhanced, config::OVER_QUOTA_REJECT).text,
              "5.2.2 <ann@example.org>: Why.\n");
  }
}

TEST(OutcomeTest, WhatBreaksIsTriedAgain) {
  const Outcome outcome = OutcomeOf(absl::UnavailableError("lost restante-lmtpd"));
  EXPECT_EQ(outcome.exit_code, EX_TEMPFAIL);
  EXPECT_EQ(outcome.text, "4.3.0 lost restante-lmtpd\n");
}

TEST(OutcomeTest, OfSeveralRecipientsTheFirstLineAgreesWithTheExitCode) {
  const Outcome together = Together({Of(250, "2.0.0"), Of(550, "5.1.1"), Of(451, "4.3.0")});
  EXPECT_EQ(together.exit_code, EX_TEMPFAIL);
  EXPECT_EQ(together.text, "4.3.0 <ann@example.org>: Why.\n5.1.1 <ann@example.org>: Why.\n");
  EXPECT_EQ(Together({Of(250, "2.0.0"), Of(550, "5.1.1")}).exit_code, EX_NOUSER);
  EXPECT_EQ(Together({Of(250, "2.0.0"), Of(250, "2.0.0")}).exit_code, EX_OK);
}

}  // namespace
}  // namespace restante::deliver
