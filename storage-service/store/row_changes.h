// Rows that leave a mailbox, or that POP3 shall see no more: gathered while they are
// read, then changed in one commit. Whoever gathers holds the mailbox's changes().
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_state.h"

namespace restante::store {

class RowChanges {
 public:
  // Moves the row aside: it is gone for everybody, its body isn't yet.
  void Expunge(uint32_t uid, StoredRow row, absl::Time now);

  // Hides a row that POP3 sees.
  void Hide(uint32_t uid, StoredRow row, absl::Time now);

  // UIDs in the order in which they were gathered.
  const std::vector<uint32_t>& uids() const { return uids_; }
  bool empty() const { return uids_.empty(); }

  // For a plan: the changes under the next MODSEQ, counters included. Once. UIDs
  // were gathered in ascending order.
  void Apply(Head& head, Change& change);

 private:
  std::vector<std::pair<std::string, std::string>> puts_;  // MODSEQs still missing
  std::vector<std::string> deletes_;
  std::vector<std::pair<uint32_t, StoredRow>> hidden_;
  std::vector<uint32_t> uids_;
  RowTotals before_;
  bool expunged_ = false;
};

}  // namespace restante::store
