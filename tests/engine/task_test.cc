// Tasks, and the bridges between them and callbacks.
#include "storage-service/async/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

namespace restante {
namespace {

Task<int> Answer(int value) { co_return value; }

void CompleteAtOnce(int value, Done<int> done) { std::move(done)(value); }

Task<int64_t> SumOfTasks(int count) {
  int64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    const int value = co_await Answer(1);
    sum += value;
  }
  co_return sum;
}

Task<int64_t> SumOfOperations(int count) {
  int64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    const int value =
        co_await Await<int>([](Done<int> done) { CompleteAtOnce(1, std::move(done)); });
    sum += value;
  }
  co_return sum;
}

// Completes what it is given on a thread of its own, in order.
class OtherThread {
 public:
  OtherThread() : thread_([this] { Run(); }) {}
  ~OtherThread() {
    Post(nullptr);
    thread_.join();
  }
  void Post(absl::AnyInvocable<void() &&> job) {
    std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(std::move(job));
    changed_.notify_one();
  }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  void Run() {
    while (true) {
      absl::AnyInvocable<void() &&> job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [&] { return !jobs_.empty(); });
        job = std::move(jobs_.front());
        jobs_.erase(jobs_.begin());
      }
      if (!job) return;
      std::move(job)();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<absl::AnyInvocable<void() &&>> jobs_;
  std::thread thread_;
};

Task<int64_t> SumFrom(OtherThread* other, int count) {
  int64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    const int value = co_await Await<int>([&](Done<int> done) {
      other->Post([done = std::move(done)]() mutable { std::move(done)(1); });
    });
    sum += value;
  }
  co_return sum;
}

TEST(Task, GivesItsResultToTheOneThatAwaitsIt) { EXPECT_EQ(SyncWait(Answer(42)), 42); }

TEST(Task, AMillionTasksThatCompleteAtOnceUseNoStack) {
  EXPECT_EQ(SyncWait(SumOfTasks(1'000'000)), 1'000'000);
}

TEST(Task, AMillionOperationsThatCompleteAtOnceUseNoStack) {
  EXPECT_EQ(SyncWait(SumOfOperations(1'000'000)), 1'000'000);
}

TEST(Task, GoesOnOnTheThreadThatCompletesWhatItWaitsFor) {
  OtherThread other;
  absl::Notification held;
  auto where = [](OtherThread* other, absl::Notification* held) -> Task<std::thread::id> {
    const int ignored = co_await Await<int>([&](Done<int> done) {
      other->Post([held, done = std::move(done)]() mutable {
        held->WaitForNotification();
        std::move(done)(0);
      });
    });
    static_cast<void>(ignored);
    co_return std::this_thread::get_id();
  };
  absl::Notification completed;
  std::thread::id id;
  Spawn<std::thread::id>(where(&other, &held), [&](std::thread::id value) {
    id = value;
    completed.Notify();
  });
  held.Notify();
  completed.WaitForNotification();
  EXPECT_EQ(id, other.id());
}

TEST(Task, ManyCompletionsFromAnotherThreadAllArrive) {
  OtherThread other;
  EXPECT_EQ(SyncWait(SumFrom(&other, 20'000)), 20'000);
}

TEST(Task, ManyTasksMeetOneThreadThatCompletesThem) {
  OtherThread other;
  std::vector<std::thread> threads;
  std::atomic<int64_t> sum{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { sum += SyncWait(SumFrom(&other, 2'000)); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, 8'000);
}

TEST(Task, NestedTasksResumeOneAnother) {
  OtherThread other;
  auto outer = [](OtherThread* other) -> Task<std::string> {
    std::string text;
    for (int i = 0; i < 100; ++i) {
      const int64_t sum = co_await SumFrom(other, 3);
      text += std::to_string(sum);
    }
    co_return text;
  };
  EXPECT_EQ(SyncWait(outer(&other)), std::string(100, '3'));
}

TEST(Task, AResultMayBeMovableOnly) {
  auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
  EXPECT_EQ(*SyncWait(make()), 7);
}

TEST(Task, ATaskThatNobodyAwaitsNeverStarts) {
  bool started = false;
  auto start = [](bool* started) -> Task<int> {
    *started = true;
    co_return 0;
  };
  { Task<int> unused = start(&started); }
  EXPECT_FALSE(started);
}

TEST(Task, ATaskOfVoidRunsToItsEnd) {
  OtherThread other;
  absl::Notification completed;
  int64_t sum = 0;
  auto add = [](OtherThread* other, int64_t* sum) -> Task<void> {
    const int64_t part = co_await SumFrom(other, 5);
    *sum += part;
  };
  auto twice = [&add](OtherThread* other, int64_t* sum) -> Task<void> {
    co_await add(other, sum);
    co_await add(other, sum);
  };
  Spawn(twice(&other, &sum), [&] { completed.Notify(); });
  completed.WaitForNotification();
  EXPECT_EQ(sum, 10);
}

}  // namespace
}  // namespace restante
