#include "pop3d/replies.h"

#include <gtest/gtest.h>

#include "common/errors.h"

namespace restante::pop3 {
namespace {

std::string ErrorFor(const absl::Status& status, Language language = Language::kDefault) {
  std::string reply;
  AppendError(status, language, &reply);
  return reply;
}

TEST(RepliesTest, AreLinesWithTheirStatus) {
  std::string out;
  AppendOk("", &out);
  AppendOk("2 320", &out);
  AppendError("No.", &out);
  AppendEnd(&out);
  EXPECT_EQ(out, "+OK\r\n+OK 2 320\r\n-ERR No.\r\n.\r\n");
}

TEST(RepliesTest, TellErrorsByTheirCodesAndNothingOfTheirMessages) {
  EXPECT_EQ(ErrorFor(MakeError(v1::ERROR_REASON_IN_USE, "secret")),
            "-ERR [IN-USE] The maildrop is locked by another session.\r\n");
  EXPECT_EQ(ErrorFor(MakeError(v1::ERROR_REASON_BAD_CREDENTIALS, "secret")),
            "-ERR [AUTH] Authentication failed.\r\n");
  EXPECT_EQ(ErrorFor(absl::UnavailableError("secret")),
            "-ERR [SYS/TEMP] Temporary failure, please try again later.\r\n");
}

TEST(RepliesTest, KeepTheCodeOfAnErrorInEveryLanguage) {
  EXPECT_EQ(ErrorFor(MakeError(v1::ERROR_REASON_IN_USE, "secret"), Language::kItalian),
            "-ERR [IN-USE] Casella bloccata da un'altra sessione.\r\n");
}

}  // namespace
}  // namespace restante::pop3
