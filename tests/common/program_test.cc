// How every program starts and stops, seen from outside.
#include "common/program.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace restante {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/restante-program-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, Path("notify").c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  void TearDown() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
    close(socket_);
    std::filesystem::remove_all(dir_);
  }

  std::string Path(const std::string& name) const { return (dir_ / name).string(); }

  void Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), RESTANTE_SAMPLE_PROGRAM);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::string notify = "NOTIFY_SOCKET=" + Path("notify");
    std::vector<char*> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
    environment.push_back(notify.data());
    environment.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, Path("out").c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (stderr_fd_ >= 0) {
      posix_spawn_file_actions_adddup2(&files, stderr_fd_, 2);
    } else {
      posix_spawn_file_actions_addopen(&files, 2, Path("err").c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    }
    ASSERT_EQ(posix_spawn(&pid_, RESTANTE_SAMPLE_PROGRAM, &files, nullptr, argv.data(),
                          environment.data()),
              0);
    posix_spawn_file_actions_destroy(&files);
  }

  // The exit code, or 1000 + the signal that ended it.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

  int Run(const std::vector<std::string>& arguments) {
    Start(arguments);
    return Wait();
  }

  // The next message to the supervisor, or empty after 30 s.
  std::string Notified() const {
    pollfd ready = {socket_, POLLIN, 0};
    if (poll(&ready, 1, 30'000) != 1) return "";
    char buffer[4096];
    const ssize_t size = recv(socket_, buffer, sizeof(buffer), 0);
    return size < 0 ? "" : std::string(buffer, size);
  }

  std::string Contents(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Path(name)).rdbuf();
    return text.str();
  }
  std::string Out() const { return Contents("out"); }
  std::string Err() const { return Contents("err"); }

  std::filesystem::path dir_;
  int socket_ = -1;
  pid_t pid_ = -1;
  int stderr_fd_ = -1;  // where the program's log goes; -1: to the file "err"
};

TEST_F(ProgramTest, HelpSaysWhatItIsAndWhereTheKeysAreDescribed) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(
      Out(), AllOf(HasSubstr("Does nothing, well."), HasSubstr("--config FILE"),
                   HasSubstr("--set KEY=VALUE"), HasSubstr("--check-config"),
                   HasSubstr("--print-config"), HasSubstr("--version"),
                   HasSubstr("docs/configuration.md"), HasSubstr("tests/common/sample.proto")));
}

TEST_F(ProgramTest, VersionNamesTheProgram) {
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_EQ(Out(), std::string("restante-sample ") + kVersion + "\n");
}

TEST_F(ProgramTest, AnUnknownOptionIsAUsageError) {
  EXPECT_EQ(Run({"--colour"}), 2);
  EXPECT_THAT(Err(), HasSubstr("--colour"));
  EXPECT_EQ(Run({"stray"}), 2);
  EXPECT_THAT(Err(), HasSubstr("stray"));
}

TEST_F(ProgramTest, CheckConfigTellsAValidConfiguration) {
  std::ofstream(Path("good.yaml")) << "port: 110\n";
  EXPECT_EQ(Run({"--config", Path("good.yaml"), "--check-config"}), 0);
  EXPECT_EQ(Out(), "configuration is valid\n");
}

TEST_F(ProgramTest, CheckConfigTellsWhatIsWrongAndExitsWith2) {
  std::ofstream(Path("bad.yaml")) << "prot: 110\n";
  EXPECT_EQ(Run({"--config", Path("bad.yaml"), "--check-config"}), 2);
  EXPECT_THAT(Err(), StartsWith("restante-sample: " + Path("bad.yaml") +
                                ":1:1: key 'prot': unknown, did you mean 'port'?"));
  EXPECT_EQ(Run({"--config", Path("none.yaml")}), 2);
  EXPECT_THAT(Err(), HasSubstr("No such file or directory"));
}

TEST_F(ProgramTest, TheProgramsOwnChecksNameTheKeyAndTheFile) {
  std::ofstream(Path("high.yaml")) << "port: 70000\n";
  EXPECT_EQ(Run({"--config", Path("high.yaml")}), 2);
  EXPECT_EQ(Err(),
            "restante-sample: " + Path("high.yaml") + ": key 'port': must be at most 65535\n");
}

TEST_F(ProgramTest, OverridesWinOverTheFile) {
  std::ofstream(Path("c.yaml")) << "port: 110\nname: file\n";
  EXPECT_EQ(Run({"--config", Path("c.yaml"), "--set", "port=995", "--set", "listen=[a, b]",
                 "--print-config"}),
            0);
  EXPECT_THAT(Out(), AllOf(HasSubstr("port: 995\n"), HasSubstr("name: \"file\"\n"),
                           HasSubstr("level: info\n"), HasSubstr("- \"b\"\n")));
}

TEST_F(ProgramTest, WhatPrintConfigPrintsIsAConfiguration) {
  EXPECT_EQ(Run({"--print-config"}), 0);
  std::filesystem::copy_file(Path("out"), Path("printed.yaml"));
  EXPECT_EQ(Run({"--config", Path("printed.yaml"), "--check-config"}), 0) << Err();
}

TEST_F(ProgramTest, ServesUntilItIsToldToStop) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Start({});
    EXPECT_EQ(Notified(), "STATUS=about to serve");
    EXPECT_EQ(Notified(), "READY=1\nX_RESTANTE_SAMPLE=127.0.0.1:1");
    kill(pid_, signal);
    EXPECT_EQ(Notified(), "STOPPING=1");
    EXPECT_EQ(Wait(), 0);
    EXPECT_THAT(Err(), AllOf(HasSubstr("Serving all_files=true"),
                             HasSubstr("Stopping signal=SIG"), HasSubstr("Stopped")));
  }
}

TEST_F(ProgramTest, ASecondSignalEndsItAtOnce) {
  Start({"--set", "hang=true"});
  Notified();
  ASSERT_THAT(Notified(), StartsWith("READY=1"));
  kill(pid_, SIGTERM);
  ASSERT_EQ(Notified(), "STOPPING=1");
  kill(pid_, SIGTERM);
  EXPECT_EQ(Wait(), 128 + SIGTERM);
}

TEST_F(ProgramTest, ASecondSignalEndsItThoughNobodyReadsItsLog) {
  int log[2];
  ASSERT_EQ(pipe2(log, O_CLOEXEC), 0);
  const std::string full(fcntl(log[0], F_GETPIPE_SZ), '.');
  ASSERT_EQ(write(log[1], full.data(), full.size()), static_cast<ssize_t>(full.size()));
  stderr_fd_ = log[1];
  Start({});
  Notified();
  ASSERT_THAT(Notified(), StartsWith("READY=1"));
  kill(pid_, SIGTERM);
  ASSERT_EQ(Notified(), "STOPPING=1");
  kill(pid_, SIGTERM);
  EXPECT_THAT(Wait(), AnyOf(128 + SIGTERM, 1000 + SIGTERM));
  close(log[0]);
  close(log[1]);
}

TEST_F(ProgramTest, LogsInTheFormatAndLevelThatAreConfigured) {
  Start({"--set", "log.format=json", "--set", "log.level=error", "--set", "fail=no disk"});
  EXPECT_EQ(Wait(), 1);
  EXPECT_THAT(Err(), StartsWith("{\"time\":"));
  EXPECT_THAT(Err(),
              AllOf(HasSubstr("\"level\":\"error\""), HasSubstr("UNAVAILABLE: no disk")));
}

TEST_F(ProgramTest, AProgramThatFailsExitsWith1) {
  EXPECT_EQ(Run({"--set", "fail=no disk"}), 1);
  EXPECT_THAT(Err(),
              HasSubstr("restante-sample: Error: Failed error=\"UNAVAILABLE: no disk\""));
}

}  // namespace
}  // namespace restante
