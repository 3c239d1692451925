#include "storage-service/rpc/delivery_load.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/errors.h"

namespace restante::rpc {
namespace {

// Long enough for a disk to have taken what waits now.
constexpr absl::Duration kComeBackAfter = absl::Seconds(1);

}  // namespace

DeliveryLoad::Slot::~Slot() {
  if (load_ == nullptr) return;
  load_->Remove(held_);
  load_->deliveries_.fetch_sub(1);
}

void DeliveryLoad::Slot::Hold(size_t octets, size_t most) {
  const size_t more = std::min(octets, most - std::min(most, held_));
  held_ += more;
  if (load_ != nullptr) load_->Add(more);
}

absl::Status DeliveryLoad::Refuse(const std::string& message) {
  refused_.fetch_add(1, std::memory_order_relaxed);
  return OverloadedError(message, kComeBackAfter);
}

absl::StatusOr<DeliveryLoad::Slot> DeliveryLoad::Begin() {
  if (full()) {
    return Refuse(absl::StrCat(octets_.load(), " octets of deliveries are under way"));
  }
  if (deliveries_.fetch_add(1) >= limits_.deliveries) {
    deliveries_.fetch_sub(1);
    return Refuse(absl::StrCat(limits_.deliveries, " deliveries are under way"));
  }
  return Slot(this);
}

absl::Status DeliveryLoad::BeginStream() {
  if (streams_.fetch_add(1) < limits_.streams) return absl::OkStatus();
  streams_.fetch_sub(1);
  return Refuse(absl::StrCat(limits_.streams, " streams bring deliveries"));
}

absl::Status DeliveryLoad::CheckContinue() {
  if (octets_.load() < 2 * limits_.octets) return absl::OkStatus();
  return Refuse(absl::StrCat(octets_.load(), " octets of deliveries are under way"));
}

std::map<std::string, double> DeliveryLoad::Values() const {
  return {{"delivery_octets", static_cast<double>(octets_.load())},
          {"deliveries_under_way", static_cast<double>(deliveries_.load())},
          {"deliveries_refused_total", static_cast<double>(refused_.load())}};
}

}  // namespace restante::rpc
