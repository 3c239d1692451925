// What an operator sees of an import while it goes on.
#include "storage-service/ctl/transfer/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace restante::ctl {
namespace {

using testing::HasSubstr;

class ProgressTest : public testing::Test {
 protected:
  Session& Open(bool terminal, bool json) {
    GlobalOptions options;
    options.json = json;
    session_ = std::make_unique<Session>(options, Streams{0, out_, err_, terminal});
    return *session_;
  }
  std::string Told() {
    std::string told = err_.str();
    err_.str("");
    return told;
  }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  const Progress::Clock clock_ = [this] { return now_; };
  std::ostringstream out_;
  std::ostringstream err_;
  std::unique_ptr<Session> session_;
};

TEST(FormatProgress, SaysWhatIsKnown) {
  EXPECT_EQ(
      FormatProgress({1200, 5000, 5'000'000, 2310.4, 9.0 * 1024 * 1024, absl::Seconds(2)}),
      "1200 of 5000 messages (24 %), 2310/s, 9.0 MiB/s, 2s left");
  EXPECT_EQ(FormatProgress({7, 0, 0, 0, 0, absl::InfiniteDuration()}),
            "7 messages, 0/s, 0 KiB/s");
  EXPECT_THAT(FormatProgress({9, 8, 0, 1, 0, absl::ZeroDuration()}), HasSubstr("(100 %)"));
}

TEST_F(ProgressTest, IsALineNowAndThenWhereThereIsNoTerminal) {
  Progress progress(Open(false, false), "import", 1000, clock_);
  progress.Advance(100, 1 << 20);
  EXPECT_EQ(Told(), "");
  now_ += absl::Seconds(10);
  progress.Advance(100, 9 << 20);
  EXPECT_EQ(Told(), "import: 200 of 1000 messages (20 %), 20/s, 1.0 MiB/s, 40s left\n");
}

TEST_F(ProgressTest, IsDrawnAnewOnATerminalAndMakesRoomForOtherLines) {
  Progress progress(Open(true, false), "import", 10, clock_);
  now_ += absl::Seconds(1);
  progress.Advance(1, 0);
  EXPECT_EQ(Told(), "\rimport: 1 of 10 messages (10 %), 1/s, 0 KiB/s, 9s left");
  progress.Say("a file can't be read");
  EXPECT_THAT(Told(), testing::MatchesRegex("\r +\rrestantectl: a file can't be read\n"));
  progress.Finish();
  EXPECT_THAT(Told(), testing::EndsWith("left\n"));
}

TEST_F(ProgressTest, IsEventsForPrograms) {
  Progress progress(Open(false, true), "import", 10, clock_);
  now_ += absl::Seconds(2);
  progress.Advance(4, 2048);
  const Json event = Json::parse(Told());
  EXPECT_EQ(event["event"], "progress");
  EXPECT_EQ(event["messages"], 4);
  EXPECT_EQ(event["messages_per_second"], 2.0);
  EXPECT_EQ(event["octets_per_second"], 1024.0);
  EXPECT_EQ(event["seconds_left"], 3.0);
}

TEST_F(ProgressTest, TheRateIsThatOfTheLastHalfMinute) {
  Progress progress(Open(false, false), "import", 0, clock_);
  for (int i = 0; i < 10; ++i) {
    now_ += absl::Seconds(10);
    progress.Advance(1000, 0);
  }
  Told();
  for (int i = 0; i < 4; ++i) {
    now_ += absl::Seconds(10);
    progress.Advance(10, 0);
  }
  EXPECT_THAT(Told(), HasSubstr("10040 messages, 1/s"));
}

TEST_F(ProgressTest, AShortRunSaysNothing) {
  Progress progress(Open(true, false), "import", 10, clock_);
  progress.Advance(10, 0);
  progress.Finish();
  EXPECT_EQ(Told(), "");
}

}  // namespace
}  // namespace restante::ctl
