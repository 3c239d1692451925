// Log lines: their shape, that values can't forge them, and that a slow reader of
// stderr never holds up who logs.
#include "common/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"

namespace restante {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Stderr goes into a pipe while the test runs.
class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(pipe(pipe_), 0);
    saved_ = dup(STDERR_FILENO);
    dup2(pipe_[1], STDERR_FILENO);
    close(pipe_[1]);
  }
  void TearDown() override {
    Restore();
    ConfigureLogging(LogConfig{});
    StopLogging();
    close(pipe_[0]);
  }

  void Restore() {
    if (saved_ < 0) return;
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    saved_ = -1;
  }

  // Everything written since SetUp. Ends the redirection.
  std::string Written() {
    StopLogging();
    Restore();
    return ReadAll();
  }

  std::string ReadAll() {
    std::string all;
    char buffer[65536];
    ssize_t size;
    while ((size = read(pipe_[0], buffer, sizeof(buffer))) > 0) all.append(buffer, size);
    return all;
  }

  int pipe_[2] = {-1, -1};
  int saved_ = -1;
};

TEST_F(LogTest, ATextLineHasTimeComponentLevelEventAndFields) {
  ConfigureLogging(LogConfig{});
  LogInfo("storage", "Opened", {{"path", "/var/lib/restante"}, {"messages", 12}, {"ok", true}});
  EXPECT_THAT(
      Written(),
      MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z "
                   "storage: Info: Opened path=/var/lib/restante messages=12 ok=true\n"));
}

TEST_F(LogTest, ATextValueCantForgeAFieldOrALine) {
  LogWarning("storage", "Odd", {{"a", "x b=y"}, {"c", "1\n2\r3\t4"}, {"d", "\"\\"}, {"e", ""}});
  LogInfo("storage", "Event\nforged", {{"f", std::string("\0\x1b[2J\x7f\xc3\xa9", 8)}});
  const std::string written = Written();
  EXPECT_THAT(written,
              HasSubstr("Odd a=\"x b=y\" c=\"1\\n2\\r3\\t4\" d=\"\\\"\\\\\" e=\"\"\n"));
  EXPECT_THAT(written, HasSubstr("Event\\x0aforged f=\"\\x00\\x1b[2J\\x7f\\xc3\\xa9\"\n"));
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 2);
}

TEST_F(LogTest, AJsonLineIsOneObjectWhateverTheValues) {
  LogConfig config;
  config.format = LogFormat::kJson;
  ConfigureLogging(config);
  LogError("storage", "Odd\n", {{"n", -5}, {"flag", false}, {"text", "a\"\n\xff\xc3\xa9"}});
  const std::string written = Written();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 1);
  const json line = json::parse(written);
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["component"], "storage");
  EXPECT_EQ(line["event"], "Odd\n");
  EXPECT_EQ(line["n"], -5);
  EXPECT_EQ(line["flag"], false);
  // An octet that isn't UTF-8 becomes U+FFFD.
  EXPECT_EQ(line["text"], "a\"\n\xef\xbf\xbd\xc3\xa9");
  EXPECT_TRUE(line["time"].is_string());
}

TEST_F(LogTest, AMessageIsASentenceInTextAndFieldsInJson) {
  const std::string sentence = "Login: user=<a@b>, method=PLAIN";
  ConfigureLogging(LogConfig{});
  LogMessage(LogLevel::kInfo, "pop3-login", "Login", sentence, {{"user", "a@b"}});
  LogConfig config;
  config.format = LogFormat::kJson;
  ConfigureLogging(config);
  LogMessage(LogLevel::kInfo, "pop3-login", "Login", sentence, {{"user", "a@b"}});
  const std::vector<std::string> lines = absl::StrSplit(Written(), '\n');
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], testing::EndsWith("Z pop3-login: Info: " + sentence));
  const json line = json::parse(lines[1]);
  EXPECT_EQ(line["event"], "Login");
  EXPECT_EQ(line["message"], sentence);
  EXPECT_EQ(line["user"], "a@b");
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
  LogConfig config;
  config.level = LogLevel::kWarning;
  ConfigureLogging(config);
  EXPECT_FALSE(LogEnabled(LogLevel::kInfo));
  LogDebug("c", "debug");
  LogInfo("c", "info");
  LogMessage(LogLevel::kInfo, "c", "info", "message", {});
  LogWarning("c", "warning");
  LogError("c", "error");
  const std::string written = Written();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 2) << written;
}

TEST_F(LogTest, LinesOfManyThreadsStayWhole) {
  LogConfig config;
  config.queue_lines = 100'000;
  ConfigureLogging(config);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 100; ++i) LogInfo("c", "line", {{"thread", t}, {"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<std::string> lines = absl::StrSplit(Written(), '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 400u);
  for (const std::string& line : lines) {
    EXPECT_THAT(line, MatchesRegex(".*Z c: Info: line thread=[0-3] i=[0-9]+"));
  }
}

TEST_F(LogTest, AReaderThatStallsLosesLinesAndHoldsUpNobody) {
  // Nobody reads and the pipe is full: the writer thread is stuck in write(2).
  const std::string full(fcntl(pipe_[0], F_GETPIPE_SZ), '.');
  ASSERT_EQ(write(STDERR_FILENO, full.data(), full.size()), static_cast<ssize_t>(full.size()));
  LogConfig config;
  config.queue_lines = 16;
  ConfigureLogging(config);
  constexpr int kLines = 1000;
  for (int i = 0; i < kLines; ++i) LogInfo("c", "flood", {{"i", i}});

  std::string all;
  std::thread reader([&] { all = ReadAll(); });
  StopLogging();
  Restore();
  reader.join();

  const std::vector<std::string> lines =
      absl::StrSplit(all.substr(full.size()), '\n', absl::SkipEmpty());
  int written = 0;
  int dropped = 0;
  for (const std::string& line : lines) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, "dropped, stderr is too slow lines=");
    if (parts.size() == 2) {
      dropped += std::stoi(parts[1]);
    } else {
      ++written;
    }
  }
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(written + dropped, kLines) << all.substr(full.size());
  EXPECT_THAT(lines.back(), HasSubstr("i=999"));
}

TEST(EscapeForLogTest, KeepsValuesInsideTheirDelimiters) {
  EXPECT_EQ(EscapeForLog("anna@example.org"), "anna@example.org");
  EXPECT_EQ(EscapeForLog("x>, method=<PLAIN"), "x\\x3e, method=\\x3cPLAIN");
  EXPECT_EQ(EscapeForLog("a\r\nb\\\"\xc3\xa9"), "a\\x0d\\x0ab\\x5c\\x22\\xc3\\xa9");
  EXPECT_EQ(EscapeForLog("abcdef", 3), "abc...");
  EXPECT_EQ(EscapeForLog("abc", 3), "abc");
}

}  // namespace
}  // namespace restante
