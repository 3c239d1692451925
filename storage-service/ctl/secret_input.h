// Passwords and answers from the operator: never from the argument list, which every
// user of the machine can read.
#pragma once

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace restante::ctl {

struct SecretSource {
  int fd = 0;               // standard input
  bool take_as_is = false;  // --password-stdin: the first line, no questions
  std::string noun = "password";
  bool ask_twice = true;
  bool is_new = true;  // how it is asked for
};

// The secret without its line break. Asks on `prompts`, without echo, if `fd` is a
// terminal. Errors: it isn't, and take_as_is isn't set (usage); the secret is empty
// or has more than one line; the two answers differ.
absl::StatusOr<std::string> ReadSecret(const SecretSource& source, std::ostream& prompts);

// Can the operator be asked on `fd`? A usage error if it is no terminal: `without`
// names the option that spares the question.
absl::Status CheckCanAsk(int fd, absl::string_view without);

// True if the operator types "yes" or "y". As CheckCanAsk, if `fd` is no terminal.
absl::StatusOr<bool> Confirm(int fd, absl::string_view question, absl::string_view without,
                             std::ostream& prompts);

}  // namespace restante::ctl
