// Passwords from a pipe, and from an operator at a (pseudo-)terminal.
#include "storage-service/ctl/secret_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <memory>
#include <ostream>
#include <sstream>
#include <streambuf>
#include <string>
#include <vector>

#include "storage-service/ctl/exit_codes.h"

namespace restante::ctl {
namespace {

using testing::HasSubstr;

// Standard input that holds some text.
class Pipe {
 public:
  explicit Pipe(const std::string& text) {
    EXPECT_EQ(pipe(ends_), 0);
    EXPECT_EQ(write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(ends_[1]);
  }
  ~Pipe() { close(ends_[0]); }
  int fd() const { return ends_[0]; }

 private:
  int ends_[2];
};

absl::StatusOr<std::string> FromPipe(const std::string& text) {
  const Pipe pipe(text);
  std::ostringstream prompts;
  SecretSource source;
  source.fd = pipe.fd();
  source.take_as_is = true;
  absl::StatusOr<std::string> secret = ReadSecret(source, prompts);
  EXPECT_EQ(prompts.str(), "");
  return secret;
}

TEST(SecretFromAPipe, IsItsLineWithoutTheLineBreak) {
  EXPECT_EQ(FromPipe("secret\n").value(), "secret");
  EXPECT_EQ(FromPipe("secret\r\n").value(), "secret");
  EXPECT_EQ(FromPipe("secret").value(), "secret");
  EXPECT_EQ(FromPipe(" with spaces \n").value(), " with spaces ");
  EXPECT_EQ(FromPipe(std::string(5000, 'x')).value(), std::string(5000, 'x'));
}

TEST(SecretFromAPipe, IsRefusedWhenItIsEmptyOrMoreThanALine) {
  for (const char* text : {"", "\n", "\r\n"}) {
    const auto secret = FromPipe(text);
    EXPECT_EQ(ExitCodeOf(secret.status()), kRefused);
    EXPECT_THAT(std::string(secret.status().message()), HasSubstr("empty"));
  }
  EXPECT_THAT(std::string(FromPipe("one\ntwo\n").status().message()),
              HasSubstr("more than one"));
}

TEST(SecretFromAPipe, NeedsToBeAskedFor) {
  const Pipe pipe("secret\n");
  std::ostringstream prompts;
  SecretSource source;
  source.fd = pipe.fd();
  const auto secret = ReadSecret(source, prompts);
  EXPECT_EQ(ExitCodeOf(secret.status()), kUsage);
  EXPECT_THAT(std::string(secret.status().message()), HasSubstr("--password-stdin"));
}

// An operator: types the next answer whenever a prompt is flushed, and notes whether
// the terminal would have echoed it.
class Operator : public std::streambuf {
 public:
  explicit Operator(std::vector<std::string> answers) : answers_(std::move(answers)) {
    EXPECT_EQ(openpty(&master_, &slave_, nullptr, nullptr, nullptr), 0);
  }
  ~Operator() override {
    close(master_);
    close(slave_);
  }

  int terminal() const { return slave_; }
  const std::string& seen() const { return seen_; }
  const std::vector<bool>& echoes() const { return echoes_; }
  bool Echoes() const {
    termios now{};
    EXPECT_EQ(tcgetattr(slave_, &now), 0);
    return (now.c_lflag & ECHO) != 0;
  }

 protected:
  int overflow(int c) override {
    seen_.push_back(static_cast<char>(c));
    return c;
  }
  int sync() override {
    if (next_ == answers_.size()) return 0;
    echoes_.push_back(Echoes());
    const std::string& answer = answers_[next_++];
    EXPECT_EQ(write(master_, answer.data(), answer.size()),
              static_cast<ssize_t>(answer.size()));
    return 0;
  }

 private:
  const std::vector<std::string> answers_;
  size_t next_ = 0;
  int master_ = -1;
  int slave_ = -1;
  std::string seen_;
  std::vector<bool> echoes_;
};

absl::StatusOr<std::string> FromTerminal(Operator* person, bool ask_twice = true) {
  std::ostream prompts(person);
  SecretSource source;
  source.fd = person->terminal();
  source.ask_twice = ask_twice;
  return ReadSecret(source, prompts);
}

TEST(SecretFromATerminal, IsAskedForTwiceWithoutEcho) {
  Operator person({"secret\n", "secret\n"});
  EXPECT_EQ(FromTerminal(&person).value(), "secret");
  EXPECT_THAT(person.echoes(), testing::ElementsAre(false, false));
  EXPECT_TRUE(person.Echoes()) << "the terminal is as it was before";
  EXPECT_THAT(person.seen(), HasSubstr("New password: "));
}

TEST(SecretFromATerminal, IsRefusedWhenTheAnswersDiffer) {
  Operator person({"secret\n", "secrte\n"});
  const auto secret = FromTerminal(&person);
  EXPECT_EQ(ExitCodeOf(secret.status()), kRefused);
  EXPECT_THAT(std::string(secret.status().message()), HasSubstr("differ"));
}

TEST(SecretFromATerminal, IsRefusedWhenThereIsNoAnswer) {
  Operator empty({"\n"});
  EXPECT_THAT(std::string(FromTerminal(&empty).status().message()), HasSubstr("empty"));
  Operator end({"\x04"});
  EXPECT_THAT(std::string(FromTerminal(&end).status().message()), HasSubstr("no answer"));
}

TEST(SecretFromATerminal, CanBeAskedForOnce) {
  Operator person({"$6$salt$hash\n"});
  EXPECT_EQ(FromTerminal(&person, false).value(), "$6$salt$hash");
}

TEST(Confirmation, IsYesAndNothingElse) {
  for (const auto& [answer, expected] :
       std::vector<std::pair<std::string, bool>>{{"y\n", true},
                                                 {"YES\n", true},
                                                 {"n\n", false},
                                                 {"\n", false},
                                                 {"yep\n", false},
                                                 {"\x04", false}}) {
    Operator person({answer});
    std::ostream prompts(&person);
    EXPECT_EQ(Confirm(person.terminal(), "Sure?", "--yes", prompts).value(), expected)
        << answer;
    EXPECT_THAT(person.seen(), HasSubstr("Sure? [y/N]"));
  }
}

TEST(Confirmation, NeedsATerminalOrTheOptionThatSparesIt) {
  const Pipe pipe("y\n");
  std::ostringstream prompts;
  const auto sure = Confirm(pipe.fd(), "Sure?", "--yes", prompts);
  EXPECT_EQ(ExitCodeOf(sure.status()), kUsage);
  EXPECT_THAT(std::string(sure.status().message()), HasSubstr("--yes"));
}

}  // namespace
}  // namespace restante::ctl
