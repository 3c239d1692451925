// What one listener has not heard yet. News gather until it asks for them; it waits for
// some if there are none.
//
// Thread-safe.
#pragma once

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/async/task.h"

namespace restante::store {

template <typename News>
class NewsBox {
 public:
  // `edit` adds to the news. Whoever waits for them goes on, on this thread.
  template <typename Edit>
  void Add(Edit edit) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      edit(news_);
      there_ = true;
    }
    Wake();
  }

  // All news since the last call, one call at a time. CANCELLED after Stop.
  Task<absl::StatusOr<News>> Next() ABSL_LOCKS_EXCLUDED(mutex_) {
    auto arrival = Await<Answer>([this](Done<Answer> done) {
      {
        absl::MutexLock lock(&mutex_);
        waiting_ = std::move(done);
      }
      Wake();
    });
    Answer news = co_await arrival;
    co_return news;
  }

  void Stop() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      stopped_ = true;
    }
    Wake();
  }

 private:
  using Answer = absl::StatusOr<News>;

  // Gives whoever waits what there is.
  void Wake() ABSL_LOCKS_EXCLUDED(mutex_) {
    Done<Answer> waiting;
    Answer answer = absl::CancelledError("the watch was stopped");
    {
      absl::MutexLock lock(&mutex_);
      if (!waiting_ || !(stopped_ || there_)) return;
      if (!stopped_) answer = std::exchange(news_, News());
      there_ = false;
      waiting = std::move(waiting_);
      waiting_ = nullptr;
    }
    std::move(waiting)(std::move(answer));
  }

  absl::Mutex mutex_;
  News news_ ABSL_GUARDED_BY(mutex_);
  bool there_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Done<Answer> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::store
