// What all services share: the store, the queue that serves their calls, the count
// of what is under way, and figures.
#pragma once

#include <grpcpp/completion_queue.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "storage-service/rpc/delivery_load.h"
#include "storage-service/rpc/stream_set.h"
#include "storage-service/store/store.h"

namespace restante::rpc {

// Counts calls that have come and aren't over. Their tasks use the store and the
// queue, also when the client has long gone: both end after the last of them.
// Thread-safe.
class WorkTracker {
 public:
  // Holds the work open; moved along with it.
  class Hold {
   public:
    Hold() = default;
    explicit Hold(WorkTracker* tracker);
    Hold(Hold&& other) noexcept : tracker_(std::exchange(other.tracker_, nullptr)) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(tracker_, other.tracker_);
      return *this;
    }
    ~Hold();

   private:
    WorkTracker* tracker_ = nullptr;
  };

  Hold Begin() { return Hold(this); }

  // Blocks until nothing is under way.
  void AwaitIdle();

 private:
  absl::Mutex mutex_;
  int64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
};

struct Counters {
  std::atomic<uint64_t> calls{0};             // without the two long-lived streams
  std::atomic<uint64_t> failed_calls{0};      // and failed results inside streams
  std::atomic<uint64_t> service_failures{0};  // of those, the service's own fault
  std::atomic<uint64_t> stream_messages_received{0};
  std::atomic<uint64_t> stream_messages_sent{0};
  std::atomic<uint64_t> stream_operations{0};
  std::atomic<uint64_t> stream_responses{0};
  std::atomic<int64_t> exchange_streams{0};
  std::atomic<int64_t> deliver_streams{0};

  std::map<std::string, double> Values() const;
};

struct ServiceContext {
  explicit ServiceContext(store::Store& store, const DeliveryLoad::Limits& limits = {})
      : store(store), delivery_load(limits) {}

  store::Store& store;
  grpc::ServerCompletionQueue* queue = nullptr;  // set before anything is served
  StreamSet streams;
  WorkTracker work;
  Counters counters;
  DeliveryLoad delivery_load;

  // Counts a failed call or operation and logs it: what is the service's fault for
  // the operator, what is the client's for whoever debugs. Nothing for OK.
  void NoteResult(absl::string_view method, absl::string_view request_id,
                  const absl::Status& status);
};

}  // namespace restante::rpc
