// What becomes of a delivery, in the words of sysexits(3): the exit code from which the
// MTA sees whether to try again, and a line for its log. Knows no I/O.
//
// Lines begin with an enhanced status code (RFC 3463): Postfix' pipe(8) and local(8) take
// that for more exact than the exit code.
#pragma once

#include <sysexits.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "plugins/deliver/config.pb.h"
#include "plugins/deliver/connection.h"

namespace restante::deliver {

struct Outcome {
  int exit_code = EX_OK;
  // Empty when all is well; otherwise lines that each end in LF.
  std::string text;

  bool ok() const { return exit_code == EX_OK; }
};

// What a reply means for the message, or for `recipient` unless that is empty. A reply of
// success is EX_OK.
Outcome OutcomeOf(const Reply& reply, absl::string_view recipient,
                  config::OverQuota over_quota);

// The same with an error of the connection: to be tried again.
Outcome OutcomeOf(const absl::Status& status);

// The one exit code for several recipients: to be tried again as soon as one of them is,
// for whoever has the message already gets it once only where the server knows retries;
// otherwise that of the first failure.
Outcome Together(const std::vector<Outcome>& outcomes);

}  // namespace restante::deliver
