#include "storage-service/ctl/secret_input.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

// Far more than any password; more is surely a wrong file.
constexpr size_t kMaxInput = 64 * 1024;

volatile sig_atomic_t interrupted = 0;

// While it lives the terminal doesn't echo, and Ctrl-C ends the reading instead of
// the program: a terminal without echo must not be left behind.
class NoEcho {
 public:
  explicit NoEcho(int fd) : fd_(fd) {
    interrupted = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    sigaction(SIGINT, &action, &saved_int_);
    sigaction(SIGTERM, &action, &saved_term_);
    if (tcgetattr(fd, &saved_) != 0) return;
    termios silent = saved_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    changed_ = tcsetattr(fd, TCSAFLUSH, &silent) == 0;
  }
  ~NoEcho() {
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &saved_);
    sigaction(SIGINT, &saved_int_, nullptr);
    sigaction(SIGTERM, &saved_term_, nullptr);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  const int fd_;
  bool changed_ = false;
  termios saved_{};
  struct sigaction saved_int_ {};
  struct sigaction saved_term_ {};
};

absl::Status ReadFailure() {
  if (errno == EINTR) return RefusedError("interrupted");
  return RefusedError(absl::StrCat("can't read standard input: ", std::strerror(errno)));
}

// One line from a terminal, without its line break; nothing at the end of input.
absl::StatusOr<std::optional<std::string>> ReadLine(int fd) {
  std::string line;
  for (char c = 0; line.size() < kMaxInput;) {
    const ssize_t octets = read(fd, &c, 1);
    if (octets < 0) return ReadFailure();
    if (octets == 0 && line.empty()) return std::optional<std::string>();
    if (octets == 0 || c == '\n') break;
    line.push_back(c);
  }
  return std::optional<std::string>(std::move(line));
}

absl::StatusOr<std::string> Ask(int fd, absl::string_view prompt, std::ostream& prompts) {
  const NoEcho no_echo(fd);
  prompts << prompt << std::flush;
  absl::StatusOr<std::optional<std::string>> line = ReadLine(fd);
  if (interrupted != 0) return RefusedError("interrupted");
  if (!line.ok()) return line.status();
  if (!line->has_value()) return RefusedError("no answer");
  return **std::move(line);
}

absl::StatusOr<std::string> ReadAll(int fd) {
  std::string all;
  char buffer[4096];
  for (;;) {
    const ssize_t octets = read(fd, buffer, sizeof(buffer));
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0) return ReadFailure();
    if (octets == 0) break;
    all.append(buffer, static_cast<size_t>(octets));
    if (all.size() > kMaxInput) return RefusedError("standard input is too long");
  }
  OPENSSL_cleanse(buffer, sizeof(buffer));
  return all;
}

}  // namespace

absl::StatusOr<std::string> ReadSecret(const SecretSource& source, std::ostream& prompts) {
  std::string secret;
  if (source.take_as_is) {
    absl::StatusOr<std::string> all = ReadAll(source.fd);
    if (!all.ok()) return all.status();
    secret = *std::move(all);
    if (!secret.empty() && secret.back() == '\n') secret.pop_back();
    if (!secret.empty() && secret.back() == '\r') secret.pop_back();
    if (secret.find('\n') != std::string::npos) {
      return RefusedError(absl::StrCat("standard input has more than one line: the ",
                                       source.noun, " is one line"));
    }
  } else if (isatty(source.fd) == 0) {
    return UsageError(absl::StrCat("standard input is no terminal to ask for the ", source.noun,
                                   ": give it there with --password-stdin"));
  } else {
    absl::StatusOr<std::string> answer = Ask(
        source.fd, absl::StrCat(source.is_new ? "New " : "The ", source.noun, ": "), prompts);
    if (!answer.ok()) return answer.status();
    secret = *std::move(answer);
    if (source.ask_twice && !secret.empty()) {
      const absl::StatusOr<std::string> again =
          Ask(source.fd, absl::StrCat("The same ", source.noun, " again: "), prompts);
      if (!again.ok()) return again.status();
      if (*again != secret) return RefusedError("the two answers differ");
    }
  }
  if (secret.empty()) return RefusedError(absl::StrCat("the ", source.noun, " is empty"));
  return secret;
}

absl::Status CheckCanAsk(int fd, absl::string_view without) {
  if (isatty(fd) != 0) return absl::OkStatus();
  return UsageError(
      absl::StrCat("standard input is no terminal to ask for confirmation: give ", without));
}

absl::StatusOr<bool> Confirm(int fd, absl::string_view question, absl::string_view without,
                             std::ostream& prompts) {
  const absl::Status can_ask = CheckCanAsk(fd, without);
  if (!can_ask.ok()) return can_ask;
  prompts << question << " [y/N] " << std::flush;
  const absl::StatusOr<std::optional<std::string>> line = ReadLine(fd);
  if (!line.ok()) return line.status();
  const std::string answer =
      absl::AsciiStrToLower(absl::StripAsciiWhitespace((*line).value_or("")));
  return answer == "y" || answer == "yes";
}

}  // namespace restante::ctl
