// How a program learns that it should end.
#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "common/program.h"

namespace restante {
namespace {

TEST(TerminationTest, WaitReturnsOnceTheEndIsRequested) {
  Termination termination;
  absl::Notification returned;
  std::thread waiter([&] {
    termination.Wait();
    returned.Notify();
  });
  EXPECT_FALSE(termination.Requested());
  termination.Request();
  EXPECT_TRUE(returned.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_TRUE(termination.Requested());
  waiter.join();
}

TEST(TerminationTest, TheCallbackRunsOnceForSeveralRequests) {
  Termination termination;
  int calls = 0;
  termination.OnRequest([&] { ++calls; });
  termination.Request();
  termination.Request();
  EXPECT_EQ(calls, 1);
}

TEST(TerminationTest, ACallbackThatComesLateRunsAtOnce) {
  Termination termination;
  termination.Request();
  int calls = 0;
  termination.OnRequest([&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(TerminationTest, AClearedCallbackDoesNotRun) {
  Termination termination;
  int calls = 0;
  termination.OnRequest([&] { ++calls; });
  termination.ClearCallback();
  termination.Request();
  EXPECT_EQ(calls, 0);
}

TEST(TerminationTest, ClearCallbackAwaitsTheOneThatRuns) {
  Termination termination;
  absl::Notification running;
  absl::Notification finish;
  bool finished = false;
  termination.OnRequest([&] {
    running.Notify();
    finish.WaitForNotification();
    finished = true;
  });
  std::thread requester([&] { termination.Request(); });
  running.WaitForNotification();
  std::thread finisher([&] { finish.Notify(); });
  termination.ClearCallback();
  EXPECT_TRUE(finished);
  requester.join();
  finisher.join();
}

}  // namespace
}  // namespace restante
