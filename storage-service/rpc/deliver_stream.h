// One DeliverStream: many deliveries side by side, each a sequence of parts that
// are handed to the store one after the other.
//
// A delivery that fails early is answered at once; what its sender had under way by
// then is dropped, up to the part that ends it or a new envelope under its number.
// What doesn't follow the rules of delivery.proto is answered with INVALID_REQUEST
// under the number that it came with, and touches no other delivery.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "restante/v1/delivery.grpc.pb.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/batched_stream.h"

namespace restante::rpc {

struct DeliveryLimits {
  StreamLimits stream;
  // Octets that were read and that the store hasn't taken yet; then the stream
  // isn't read on, nor as long as all streams together have too many (DeliveryLoad),
  // unless it has none itself.
  size_t most_waiting_octets = size_t{4} << 20;
  // Deliveries begun and not over; another one is OVERLOADED.
  size_t most_deliveries = 4096;
};

// The most octets in one part.
inline constexpr size_t kMostPartOctets = size_t{256} << 10;

class DeliverStream final
    : public BatchedStream<DeliverStream, v1::DeliverStreamRequest, v1::DeliverStreamResponse,
                           v1::DeliveryResult> {
 public:
  // Waits for a call, and then for the next one with another object, for as long
  // as the server runs.
  static void Serve(ServiceContext& context, v1::DeliveryService::AsyncService& methods,
                    DeliveryLimits limits);

  static int Items(const v1::DeliverStreamRequest& message) { return message.parts_size(); }
  static void Append(v1::DeliveryResult result, v1::DeliverStreamResponse* response) {
    *response->add_results() = std::move(result);
  }

 private:
  // A delivery, or a question, from its first part to its result.
  struct Entry {
    uint64_t id = 0;
    int recipients = 0;
    std::string request_id;
    std::unique_ptr<store::Delivery> delivery;  // used by its task only, while running
    std::deque<v1::DeliveryPart> parts;         // that wait for their turn
    bool running = false;                       // a task works on it
    bool complete = false;                      // its last part was read
    bool dropped = false;                       // aborted, or answered already
    DeliveryLoad::Slot slot;                    // of a delivery, not of a question
  };

  DeliverStream(ServiceContext& context, v1::DeliveryService::AsyncService& methods,
                DeliveryLimits limits);

  void OnCall() override;
  absl::Status Admit() override;
  void OnItem(v1::DeliverStreamRequest& message, int index) override;
  void OnOver(std::deque<Batch> undelivered) override;
  bool HasRoom() const override;

  std::shared_ptr<DeliverStream> Self() {
    return std::static_pointer_cast<DeliverStream>(shared_from_this());
  }

  // What becomes of a part; an error is the answer to it.
  absl::Status Sort(v1::DeliveryPart part, std::shared_ptr<Entry>* to_run, bool* queued)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(entries_mutex_);
  // Forgets a delivery and what waits of it. The task that works on it ends soon.
  void Drop(const std::shared_ptr<Entry>& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(entries_mutex_);
  // From now on parts under this number are dropped until its delivery ends.
  void Discard(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(entries_mutex_);

  // Hands the waiting parts of a delivery to the store, one after the other.
  static Task<void> Run(std::shared_ptr<DeliverStream> self, std::shared_ptr<Entry> entry);
  // One part; true: `result` is the answer, and the delivery is over.
  Task<bool> Step(Entry* entry, v1::DeliveryPart* part, v1::DeliveryResult* result);
  bool TakePart(Entry& entry, v1::DeliveryPart* part) ABSL_LOCKS_EXCLUDED(entries_mutex_);
  // Whether the result is still wanted.
  bool Conclude(const std::shared_ptr<Entry>& entry) ABSL_LOCKS_EXCLUDED(entries_mutex_);
  void ReleaseOctets(size_t octets);

  v1::DeliveryService::AsyncService& methods_;
  const DeliveryLimits limits_;
  store::Deliveries& deliveries_;

  bool admitted_ = false;  // on the queue's thread
  std::atomic<size_t> waiting_octets_{0};

  absl::Mutex entries_mutex_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Entry>> entries_
      ABSL_GUARDED_BY(entries_mutex_);
  absl::flat_hash_set<uint64_t> discarding_ ABSL_GUARDED_BY(entries_mutex_);
};

}  // namespace restante::rpc
