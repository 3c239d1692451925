// What all deliveries under way take together, whichever stream or call brings them:
// their number, the streams, and the octets in memory, which are those that were read
// and wait for the store, and those that the store holds of a message until it is
// written. Beyond a limit nothing new begins; what has begun goes on. Should senders
// fill twice the limit with what has begun, their deliveries fail one by one.
//
// Every refusal is OVERLOADED with the time to come back after: no delivery waits in
// silence, and none is dropped without an answer.
//
// Thread-safe; never waits.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace restante::rpc {

class DeliveryLoad {
 public:
  struct Limits {
    uint32_t deliveries = 10'000;
    size_t octets = size_t{256} << 20;
    uint32_t streams = 1000;
  };

  // The most that the store holds of one message: a chunk that fills, the one before it
  // on its way, and the octets that are being taken in.
  static constexpr size_t kMostHeldOctets = size_t{192} << 10;

  // A delivery under way, for as long as it lives.
  class Slot {
   public:
    Slot() = default;
    explicit Slot(DeliveryLoad* load) : load_(load) {}
    Slot(Slot&& other) noexcept
        : load_(std::exchange(other.load_, nullptr)), held_(std::exchange(other.held_, 0)) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(load_, other.load_);
      std::swap(held_, other.held_);
      return *this;
    }
    ~Slot();

    // So many octets of the message are in somebody's hands, of which no more than
    // `most` stay there.
    void Hold(size_t octets, size_t most = kMostHeldOctets);

   private:
    DeliveryLoad* load_ = nullptr;
    size_t held_ = 0;
  };

  explicit DeliveryLoad(const Limits& limits) : limits_(limits) {}
  DeliveryLoad(const DeliveryLoad&) = delete;
  DeliveryLoad& operator=(const DeliveryLoad&) = delete;

  // OVERLOADED.
  absl::StatusOr<Slot> Begin();
  // For a stream; EndStream follows unless this was refused.
  absl::Status BeginStream();
  void EndStream() { streams_.fetch_sub(1); }

  // Octets that wait for the store.
  void Add(size_t octets) { octets_.fetch_add(octets); }
  void Remove(size_t octets) { octets_.fetch_sub(octets); }

  // Whether nothing new is begun for the octets that there are, or even what has begun
  // can't go on.
  bool full() const { return octets_.load() >= limits_.octets; }
  absl::Status CheckContinue();

  // "delivery_octets", "deliveries_under_way", "deliveries_refused_total".
  std::map<std::string, double> Values() const;

 private:
  absl::Status Refuse(const std::string& message);

  const Limits limits_;
  std::atomic<size_t> octets_{0};
  std::atomic<uint32_t> deliveries_{0};
  std::atomic<uint32_t> streams_{0};
  std::atomic<uint64_t> refused_{0};
};

}  // namespace restante::rpc
