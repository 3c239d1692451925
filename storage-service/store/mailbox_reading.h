// A reading of all that a mailbox has, for its repair: what is wrong, and the commit that
// makes it right. Rows come first; all else follows from them.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_repair.h"
#include "storage-service/store/mailbox_state.h"
#include "storage-service/store/row_repair.h"

namespace restante::store {

// One reading of a mailbox, and the commit that makes it right.
class MailboxReading {
 public:
  MailboxReading(RepairTools tools, MailboxId mailbox, RepairOptions options, const Head& head)
      : tools_(tools), mailbox_(mailbox), options_(options), before_(head), head_(head) {}

  Task<absl::Status> Read();
  // For a plan.
  absl::Status Apply(Head& head, Change& change);
  // Of messages that vanish.
  const std::vector<std::pair<engine::BodyId, uint32_t>>& given_up() const { return given_up_; }

 private:
  using Entry = std::pair<absl::string_view, absl::string_view>;
  using Step = std::function<Task<absl::Status>(const Entry*)>;
  struct Kept {
    uint64_t modseq = 0;  // 0: that of the repair
    absl::Time retrieved = absl::InfinitePast();
  };

  static Task<absl::Status> Now(absl::Status status);
  // Calls `step` for each entry of a prefix.
  Task<absl::Status> ForEach(char prefix, Step step);
  Task<absl::Status> RepairRow(const Entry* entry);
  Task<absl::Status> RepairExpunged(const Entry* entry);
  absl::Status RepairTombstone(const Entry& entry);
  absl::Status RepairChange(const Entry& entry);
  absl::Status RepairRetrieval(const Entry& entry);
  absl::Status RepairPlace(const Entry& entry);
  absl::Status RepairUidl(const Entry& entry);
  void AddWhatIsMissing();
  void CountAnew();

  Task<absl::StatusOr<std::optional<StoredRow>>> Rebuild(uint32_t uid);
  bool RepairUidlOf(StoredRow& row, uint32_t uid);
  void Keep(uint32_t uid, StoredRow row, bool changed);
  void Bury(uint32_t uid, StoredRow row);
  // The mailbox has given out this UID and this MODSEQ.
  void Raise(uint32_t uid, uint64_t modseq);
  void Drop(absl::string_view key) { change_.deletes.emplace_back(key); }

  const RepairTools tools_;
  const MailboxId mailbox_;
  const RepairOptions options_;
  const Head before_;
  Head head_;
  Change change_;

  std::optional<BodiesByUid> bodies_;
  absl::flat_hash_map<uint32_t, Kept> kept_;
  std::vector<std::pair<uint32_t, StoredRow>> changed_;  // to get the repair's MODSEQ
  std::vector<std::pair<uint32_t, StoredRow>> buried_;
  std::vector<std::pair<engine::BodyId, uint32_t>> given_up_;
  absl::flat_hash_map<uint32_t, uint64_t> expunged_;  // MODSEQs of `x` rows, by UID
  absl::flat_hash_set<std::string> uidls_;
  absl::flat_hash_map<std::string, uint32_t> own_uidls_;
  // Entries of indices that are right.
  absl::flat_hash_set<uint32_t> changes_, retrievals_, places_;

  RowTotals totals_;
  uint64_t recent_ = 0;
  uint64_t tombstones_ = 0;
  uint32_t lowest_ = UINT32_MAX;
  uint32_t lowest_visible_ = UINT32_MAX;
};

}  // namespace restante::store
