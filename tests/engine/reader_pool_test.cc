// The threads that wait for the disk.
#include "storage-service/engine/reader_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"

namespace restante::engine {
namespace {

using Turn = ReaderPool::Turn;

ReaderPool::Posted Post(ReaderPool& pool, ReaderPool::Job job) { return pool.Post(job); }

TEST(ReaderPool, RunsWhatItIsGiven) {
  ReaderPool pool(2, 1000);
  absl::BlockingCounter done(100);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Post(pool, [&](Turn) { done.DecrementCount(); }), ReaderPool::Posted::kQueued);
  }
  done.Wait();
}

TEST(ReaderPool, OnlyItsOwnThreadsRunInlineAndNotWithoutEnd) {
  ReaderPool pool(1, 10);
  ReaderPool other(1, 10);
  EXPECT_FALSE(pool.MayRunInline());
  absl::Notification done;
  int allowed = 0;
  bool allowed_by_other = true;
  Post(pool, [&](Turn) {
    allowed_by_other = other.MayRunInline();
    while (pool.MayRunInline()) ++allowed;
    done.Notify();
  });
  done.WaitForNotification();
  EXPECT_FALSE(allowed_by_other);
  EXPECT_GT(allowed, 10);
  EXPECT_LT(allowed, 1000);
}

TEST(ReaderPool, AFullQueueLeavesTheJobWithItsCaller) {
  ReaderPool pool(1, 1);
  absl::Notification started, leave;
  Post(pool, [&](Turn) {
    started.Notify();
    leave.WaitForNotification();
  });
  started.WaitForNotification();
  EXPECT_EQ(Post(pool, [](Turn) {}), ReaderPool::Posted::kQueued);
  EXPECT_EQ(pool.waiting(), 1u);
  auto kept = std::make_unique<int>(1);
  bool ran = false;
  ReaderPool::Job job = [&ran, kept = std::move(kept)](Turn) { ran = *kept == 1; };
  EXPECT_EQ(pool.Post(job), ReaderPool::Posted::kFull);
  std::move(job)(Turn::kRun);
  EXPECT_TRUE(ran);
  leave.Notify();
}

TEST(ReaderPool, WhatWaitsWhenItStopsIsToldSo) {
  std::atomic<int> cancelled{0};
  absl::Notification started, leave;
  ReaderPool pool(1, 100);
  Post(pool, [&](Turn) {
    started.Notify();
    leave.WaitForNotification();
    // The pool stops while this runs: what comes now is refused.
    for (;;) {
      if (Post(pool, [&](Turn turn) { cancelled += turn == Turn::kCancelled ? 1 : 0; }) ==
          ReaderPool::Posted::kStopped) {
        break;
      }
      std::this_thread::yield();
    }
  });
  started.WaitForNotification();
  std::thread stopping([&] { pool.Stop(); });
  leave.Notify();
  stopping.join();
  EXPECT_EQ(pool.waiting(), 0u);
  EXPECT_EQ(Post(pool, [](Turn) {}), ReaderPool::Posted::kStopped);
}

}  // namespace
}  // namespace restante::engine
