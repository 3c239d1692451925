#include "storage-service/store/bodies.h"

#include <optional>
#include <string>
#include <vector>

#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"

namespace restante::store {

Bodies::Hold::Hold(Bodies* bodies, const engine::BodyId& body) : bodies_(bodies), body_(body) {
  absl::MutexLock lock(&bodies_->mutex_);
  ++bodies_->held_[body];
  const auto examined = bodies_->examined_.find(body);
  if (examined == bodies_->examined_.end()) return;
  for (Examination* examination : examined->second) examination->Disturb();
}

Bodies::Hold::~Hold() {
  if (bodies_ == nullptr) return;
  absl::MutexLock lock(&bodies_->mutex_);
  const auto held = bodies_->held_.find(body_);
  if (--held->second == 0) bodies_->held_.erase(held);
}

bool Bodies::IsHeld(const engine::BodyId& body) const {
  absl::MutexLock lock(&mutex_);
  return held_.contains(body);
}

Task<absl::StatusOr<bool>> Bodies::IsValid(engine::BodyId body,
                                           engine::BodyReference reference) {
  absl::StatusOr<std::optional<StoredRow>> row =
      co_await ReadRow(engine_, reference.mailbox, reference.uid);
  if (!row.ok()) co_return row.status();
  if (row->has_value()) co_return (*row)->body == body;

  // Expunged before the read above, so it is there, or reclaimed.
  absl::StatusOr<std::optional<LeftRow>> left =
      co_await FindLeft(engine_, reference.mailbox, reference.uid);
  if (!left.ok()) co_return left.status();
  co_return left->has_value() && (*left)->record.row.body == body;
}

Bodies::Examination::Examination(Bodies* bodies, const engine::BodyId& body)
    : bodies_(bodies), body_(body) {
  absl::MutexLock lock(&bodies_->mutex_);
  disturbed_ = bodies_->held_.contains(body);
  bodies_->examined_[body].push_back(this);
}

Bodies::Examination::~Examination() {
  absl::MutexLock lock(&bodies_->mutex_);
  const auto examined = bodies_->examined_.find(body_);
  std::erase(examined->second, this);
  if (examined->second.empty()) bodies_->examined_.erase(examined);
}

template <typename Call>
Task<absl::StatusOr<bool>> Bodies::Examination::Conclude(Call call) {
  bool disturbed = false;
  absl::Status status = co_await Await<absl::Status>([&](Done<absl::Status> done) {
    // Submitted under the lock: whoever takes the body later comes after this.
    absl::MutexLock lock(&bodies_->mutex_);
    disturbed = disturbed_;
    if (disturbed) {
      std::move(done)(absl::OkStatus());
    } else {
      call(std::move(done));
    }
  });
  if (!status.ok()) co_return status;
  co_return !disturbed;
}

Task<absl::StatusOr<uint64_t>> Bodies::DropDangling(engine::BodyId body) {
  Examination examination(this, body);
  using References = absl::StatusOr<std::vector<engine::BodyReference>>;
  References references = co_await Await<References>(
      [&](Done<References> done) { engine_->GetReferences(body, std::move(done)); });
  if (!references.ok()) co_return references.status();
  uint64_t dropped = 0;
  for (const engine::BodyReference& reference : *references) {
    absl::StatusOr<bool> valid = co_await IsValid(body, reference);
    if (!valid.ok()) co_return valid.status();
    if (*valid) continue;
    absl::StatusOr<bool> removed = co_await examination.Conclude([&](Done<absl::Status> done) {
      engine_->RemoveReference(body, reference, std::move(done));
    });
    if (!removed.ok()) co_return removed.status();
    if (!*removed) break;
    ++dropped;
  }
  co_return dropped;
}

Task<absl::StatusOr<bool>> Bodies::EraseIfUnneeded(engine::BodyId body) {
  Examination examination(this, body);
  using References = absl::StatusOr<std::vector<engine::BodyReference>>;
  References references = co_await Await<References>(
      [&](Done<References> done) { engine_->GetReferences(body, std::move(done)); });
  if (!references.ok()) co_return references.status();
  for (const engine::BodyReference& reference : *references) {
    absl::StatusOr<bool> valid = co_await IsValid(body, reference);
    if (!valid.ok()) co_return valid.status();
    if (*valid) co_return false;
    absl::StatusOr<bool> removed = co_await examination.Conclude([&](Done<absl::Status> done) {
      engine_->RemoveReference(body, reference, std::move(done));
    });
    if (!removed.ok() || !*removed) co_return removed;
  }
  absl::StatusOr<bool> erased = co_await examination.Conclude(
      [&](Done<absl::Status> done) { engine_->EraseBody(body, std::move(done)); });
  co_return erased;
}

}  // namespace restante::store
