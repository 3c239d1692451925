#include "storage-service/store/mailbox_counters.h"

#include <string>
#include <utility>

#include "storage-service/store/mailbox_rows.h"

namespace restante::store {
namespace {

struct Count {
  RowTotals rows;
  uint64_t tombstones = 0;
};

Task<absl::StatusOr<Count>> CountRows(engine::Engine* engine, MailboxId mailbox, Head head) {
  Count count;
  uint32_t next = head.low_uid;
  while (next != 0) {
    absl::StatusOr<RowScan> scan =
        co_await ScanRows(engine, mailbox, next, head.uid_next, kPageRows);
    if (!scan.ok()) co_return scan.status();
    for (const auto& [uid, row] : scan->rows) count.rows.Add(row);
    next = scan->next_uid;
  }
  std::string begin(1, kTombstonePrefix);
  while (!begin.empty()) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine, mailbox, begin, EndOf(kTombstonePrefix), kPageRows);
    if (!page.ok()) co_return page.status();
    count.tombstones += page->entries.size();
    begin = std::move(page->next);
  }
  co_return count;
}

}  // namespace

Task<absl::Status> EnsureCounted(engine::Engine* engine, std::shared_ptr<Mailbox> mailbox) {
  if (mailbox->durable().counted) co_return absl::OkStatus();
  // Flags change and rows go under this lock only: what is counted stays, and all that
  // comes meanwhile is above it.
  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  const Head head = mailbox->durable();
  if (head.counted) co_return absl::OkStatus();
  absl::StatusOr<Count> count = co_await CountRows(engine, mailbox->id(), head);
  if (!count.ok()) co_return count.status();
  Mailbox::Plan plan = [count = *count, head](Head& next, Change&) {
    next.unseen_count += count.rows.unseen - head.unseen_count;
    next.deleted_count += count.rows.deleted - head.deleted_count;
    // Nobody has claimed anything in a mailbox that isn't counted.
    next.recent_count += count.rows.messages - head.recent_count;
    next.tombstone_count += count.tombstones - head.tombstone_count;
    next.counted = true;
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  co_return result.status;
}

}  // namespace restante::store
