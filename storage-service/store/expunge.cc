#include "storage-service/store/expunge.h"

#include <utility>

#include "storage-service/store/low_uid.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/row_changes.h"
#include "storage-service/store/uid_runs.h"

namespace restante::store {

Task<absl::StatusOr<ExpungeAnswer>> ExpungeRows(engine::Engine* engine,
                                                std::shared_ptr<Mailbox> mailbox,
                                                std::vector<UidRange> uids, bool only_deleted,
                                                size_t limit, absl::Time now) {
  absl::Status legal = CheckUids(uids);
  if (!legal.ok()) co_return legal;
  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  const Head head = mailbox->durable();
  ExpungeAnswer answer;
  answer.highest_modseq = head.highest_modseq;
  // Most of the time there is none: no need to read the mailbox for that.
  if (only_deleted && head.counted && head.deleted_count == 0) co_return answer;

  const std::vector<UidRange> runs = Clipped(std::move(uids), head.low_uid, head.uid_next);
  RowChanges changes;
  uint32_t next = runs.empty() ? 0 : runs.front().first;
  while (next != 0 && changes.uids().size() < limit) {
    absl::StatusOr<RowScan> scan =
        co_await ScanRuns(engine, mailbox->id(), runs, next, kPageRows);
    if (!scan.ok()) co_return scan.status();
    next = scan->next_uid;
    for (auto& [uid, row] : scan->rows) {
      if (only_deleted && (row.flags & kDeletedFlag) == 0) continue;
      if (changes.uids().size() == limit) {
        next = uid;
        break;
      }
      changes.Expunge(uid, std::move(row), now);
    }
  }
  answer.next_uid = next;
  if (changes.empty()) co_return answer;
  answer.uids = changes.uids();
  absl::StatusOr<LowUids> low =
      co_await LowestWithout(engine, mailbox->id(), head, RunsOf(answer.uids), false);
  if (!low.ok()) co_return low.status();
  Mailbox::Plan plan = [&changes, &answer, low = *low](Head& next_head, Change& change) {
    changes.Apply(next_head, change);
    low.RaiseIn(next_head);
    answer.highest_modseq = next_head.highest_modseq;
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  co_return answer;
}

}  // namespace restante::store
