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

  // Expunged before the read above, so it is among these, or reclaimed.
  absl::StatusOr<std::optional<Head>> head = co_await ReadHead(engine_, reference.mailbox);
  if (!head.ok()) co_return head.status();
  if (!head->has_value()) co_return false;
  absl::StatusOr<std::vector<LeftRow>> left =
      co_await ScanLeft(engine_, reference.mailbox, kExpungedPrefix, (*head)->reclaimed_modseq);
  if (!left.ok()) co_return left.status();
  for (const LeftRow& candidate : *left) {
    if (candidate.uid == reference.uid) co_return candidate.record.row.body == body;
  }
  co_return false;
}

Task<absl::StatusOr<bool>> Bodies::EraseIfUnneeded(engine::BodyId body) {
  if (IsHeld(body)) co_return false;
  using References = absl::StatusOr<std::vector<engine::BodyReference>>;
  References references = co_await Await<References>(
      [&](Done<References> done) { engine_->GetReferences(body, std::move(done)); });
  if (!references.ok()) co_return references.status();
  for (const engine::BodyReference& reference : *references) {
    absl::StatusOr<bool> valid = co_await IsValid(body, reference);
    if (!valid.ok()) co_return valid.status();
    if (*valid) co_return false;
    absl::Status removed = co_await Await<absl::Status>([&](Done<absl::Status> done) {
      engine_->RemoveReference(body, reference, std::move(done));
    });
    if (!removed.ok()) co_return removed;
  }
  absl::Status erased = co_await Await<absl::Status>(
      [&](Done<absl::Status> done) { engine_->EraseBody(body, std::move(done)); });
  if (!erased.ok()) co_return erased;
  co_return true;
}

}  // namespace restante::store
