// Findings of a verification on their way to the client. The scan doesn't wait for a
// slow client; what such a client can't take in time is left out beyond a bound, and
// a last finding says how much. The summary counts all of them.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "restante/v1/admin.pb.h"
#include "storage-service/async/task.h"
#include "storage-service/store/store.h"

namespace restante::rpc {

// Findings that may wait for the client.
inline constexpr size_t kMostWaitingFindings = 10'000;

// Thread-safe; one reader.
class FindingQueue {
 public:
  // From the scan.
  void Report(store::VerifyFinding finding);
  // The scan is over; its summary is the last item.
  void End(absl::StatusOr<store::VerifySummary> summary);

  // The next item, when there is one; nothing after the last.
  Task<std::optional<v1::VerifyResponse>> Next();
  // From now on findings are dropped: nobody reads them.
  void Discard();
  // Of the scan, after the last item.
  absl::Status status() const;

 private:
  using Item = std::optional<v1::VerifyResponse>;

  // Gives the reader what it waits for.
  void Wake();
  void AwaitItem(Done<Item> done);
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ended_ || !waiting_.empty();
  }
  Item Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::deque<v1::VerifyResponse> waiting_ ABSL_GUARDED_BY(mutex_);
  Done<Item> reader_ ABSL_GUARDED_BY(mutex_);
  uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
  bool discarding_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::rpc
