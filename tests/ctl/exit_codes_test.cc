#include "storage-service/ctl/exit_codes.h"

#include <gtest/gtest.h>

#include "common/errors.h"

namespace restante::ctl {
namespace {

TEST(ExitCodes, SayNoForWhateverTheServiceGivesAReasonFor) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, "x")), 1);
  EXPECT_EQ(ExitCodeOf(MakeError(v1::ERROR_REASON_STORE_FAILURE, "x")), 1);
  EXPECT_EQ(ExitCodeOf(OverloadedError("x", absl::Seconds(1))), 1);
  EXPECT_EQ(ExitCodeOf(absl::UnimplementedError("x")), 1);
}

TEST(ExitCodes, SayUnreachableForWhatTheTransportReports) {
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("connection refused")), 3);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("x")), 3);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("x")), 3);
}

TEST(ExitCodes, TellUsageFromRefusal) {
  EXPECT_EQ(ExitCodeOf(UsageError("x")), 2);
  EXPECT_EQ(ExitCodeOf(RefusedError("x")), 1);
}

TEST(ErrorLine, NamesTheReason) {
  EXPECT_EQ(ErrorLine(MakeError(v1::ERROR_REASON_NO_SUCH_ACCOUNT, "no account x"), "h:1"),
            "no account x (NO_SUCH_ACCOUNT)");
}

TEST(ErrorLine, NamesTheServerThatGivesNoAnswer) {
  EXPECT_EQ(ErrorLine(absl::UnavailableError("refused"), "h:1"),
            "can't reach the storage service at h:1: refused");
  EXPECT_EQ(ErrorLine(absl::DeadlineExceededError("x"), "h:1"),
            "no answer from the storage service at h:1 in time");
}

TEST(ErrorLine, IsOneLineAndSafeOnATerminal) {
  EXPECT_EQ(ErrorLine(RefusedError("a\nb\x1b[31m"), "h:1"), "a\\x0ab\\x1b[31m");
}

}  // namespace
}  // namespace restante::ctl
