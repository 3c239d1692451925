// How restantectl ends: the exit codes that scripts rely on, and the one line that
// says why.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace restante::ctl {

enum ExitCode : int {
  kOk = 0,
  kRefused = 1,      // the service, a file or the operator said no
  kUsage = 2,        // the command line is wrong
  kUnreachable = 3,  // no answer from the service
};

// The command line is fine for the parser and still can't be carried out.
absl::Status UsageError(absl::string_view message);

// Something here says no: a file that can't be read, a question answered with no.
absl::Status RefusedError(absl::string_view message);

// An error of the transport, without a reason of the service's, is kUnreachable.
ExitCode ExitCodeOf(const absl::Status& status);

// What follows "restantectl: " on standard error; no line break in it.
std::string ErrorLine(const absl::Status& status, absl::string_view server);

}  // namespace restante::ctl
