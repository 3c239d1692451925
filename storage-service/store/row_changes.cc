#include "storage-service/store/row_changes.h"

namespace restante::store {

void RowChanges::Expunge(uint32_t uid, StoredRow row, absl::Time now) {
  uids_.push_back(uid);
  before_.Add(row);
  expunged_ = true;
  deletes_.push_back(RowKey(uid));
  deletes_.push_back(ModseqKey(kChangePrefix, row.modseq, uid));
  if (row.was_retrieved()) deletes_.push_back(RetrievedKey(row.retrieved, uid));
  puts_.emplace_back(ModseqKey(kExpungedPrefix, 0, uid),
                     Encode(ExpungedRow{std::move(row), now}));
}

void RowChanges::Hide(uint32_t uid, StoredRow row, absl::Time now) {
  uids_.push_back(uid);
  before_.Add(row);
  row.hidden = now;
  deletes_.push_back(ModseqKey(kChangePrefix, row.modseq, uid));
  hidden_.emplace_back(uid, std::move(row));
}

void RowChanges::Apply(Head& head, Change& change) {
  const uint64_t modseq = ++head.highest_modseq;
  for (auto& [key, value] : puts_) SetModseq(key, modseq);
  RowTotals after;
  for (auto& [uid, row] : hidden_) {
    row.modseq = row.hidden_modseq = modseq;
    after.Add(row);
    puts_.emplace_back(RowKey(uid), Encode(row));
    puts_.emplace_back(ModseqKey(kChangePrefix, modseq, uid), std::string());
  }
  before_.RemoveFrom(head);
  after.AddTo(head);
  if (expunged_) {
    head.last_expunge_modseq = modseq;
    for (const uint32_t uid : uids_) {
      puts_.emplace_back(ExpungedUidKey(uid), ModseqValue(modseq));
      if (uid >= head.recent_from_uid) --head.recent_count;
    }
  }
  if (!hidden_.empty()) head.last_hide_modseq = modseq;
  change.puts = std::move(puts_);
  change.deletes = std::move(deletes_);
  change.removed = std::move(uids_);
}

}  // namespace restante::store
