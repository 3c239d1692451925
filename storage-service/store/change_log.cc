#include "storage-service/store/change_log.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/mailbox_counters.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/uid_runs.h"

namespace restante::store {
namespace {

// What one commit removes at most.
constexpr size_t kTrimBatch = 512;

struct LogEntry {
  uint64_t modseq = 0;
  uint32_t uid = 0;
  bool left = false;  // expunged

  friend bool operator==(const LogEntry&, const LogEntry&) = default;
  friend auto operator<=>(const LogEntry&, const LogEntry&) = default;
};

std::string BeginAfter(char prefix, ChangePlace after) {
  if (after.uid == 0) return ModseqKey(prefix, after.modseq + 1, 0);
  return ModseqKey(prefix, after.modseq, after.uid) + '\0';
}

struct LogPage {
  std::vector<LogEntry> entries;  // in order
  bool cut_short = false;         // more may follow
};

// The log's keys after a place, up to `highest`; one more than `limit`, if there is.
Task<absl::StatusOr<LogPage>> ReadEntries(engine::Engine* engine, MailboxId mailbox,
                                          ChangePlace after, uint64_t highest, size_t limit) {
  std::vector<LogEntry> entries;
  std::optional<LogEntry> horizon;  // where the first that was cut short ends
  // A row moves from each prefix to the next one: in this order none is missed.
  for (const char prefix : {kChangePrefix, kExpungedPrefix, kTombstonePrefix}) {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine, mailbox, BeginAfter(prefix, after),
                          ModseqKey(prefix, highest + 1, 0), limit + 1);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      absl::StatusOr<ModseqAndUid> place = ParseModseqKey(key);
      if (!place.ok()) co_return place.status();
      entries.push_back({place->modseq, place->uid, prefix != kChangePrefix});
    }
    if (!page->next.empty() && (!horizon || entries.back() < *horizon)) {
      horizon = entries.back();
    }
  }
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  if (horizon) {
    entries.erase(std::upper_bound(entries.begin(), entries.end(), *horizon), entries.end());
  }
  co_return LogPage{std::move(entries), horizon.has_value()};
}

// The rows of these UIDs that are there, by UID.
Task<absl::StatusOr<std::vector<MessageRow>>> ReadRows(engine::Engine* engine,
                                                       MailboxId mailbox,
                                                       std::vector<uint32_t> uids) {
  std::vector<MessageRow> rows;
  if (uids.empty()) co_return rows;
  std::sort(uids.begin(), uids.end());
  uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
  if (uids.back() - uids.front() >= 4 * uids.size()) {
    for (const uint32_t uid : uids) {
      absl::StatusOr<std::optional<StoredRow>> row = co_await ReadRow(engine, mailbox, uid);
      if (!row.ok()) co_return row.status();
      if (row->has_value()) rows.push_back((*row)->AsMessage(uid));
    }
    co_return rows;
  }
  const std::vector<UidRange> runs = RunsOf(uids);
  uint32_t next = uids.front();
  while (next != 0) {
    absl::StatusOr<RowScan> scan = co_await ScanRuns(engine, mailbox, runs, next, kPageRows);
    if (!scan.ok()) co_return scan.status();
    for (const auto& [uid, row] : scan->rows) rows.push_back(row.AsMessage(uid));
    next = scan->next_uid;
  }
  co_return rows;
}

absl::Status Trimmed(uint64_t floor) {
  absl::Status status = MakeError(v1::ERROR_REASON_CHANGES_TRIMMED,
                                  absl::StrCat("the change log begins after MODSEQ ", floor,
                                               "; list the messages instead"));
  SetErrorMetadata(status, "log_floor_modseq", absl::StrCat(floor));
  return status;
}

}  // namespace

Task<absl::StatusOr<Changes>> ReadChangeLog(engine::Engine* engine,
                                            std::shared_ptr<Mailbox> mailbox, ChangePlace after,
                                            size_t limit) {
  const Head head = mailbox->durable();
  // Behind a message means that others of that MODSEQ are still to be told.
  const uint64_t known = after.uid == 0 || after.modseq == 0 ? after.modseq : after.modseq - 1;
  if (known < head.log_floor_modseq) co_return Trimmed(head.log_floor_modseq);
  Changes changes;
  changes.uidvalidity = head.uidvalidity;
  changes.highest_modseq = head.highest_modseq;
  changes.next = {head.highest_modseq, 0};
  changes.end = true;
  if (known >= head.highest_modseq) co_return changes;

  absl::StatusOr<LogPage> page =
      co_await ReadEntries(engine, mailbox->id(), after, head.highest_modseq, limit);
  if (!page.ok()) co_return page.status();
  std::vector<LogEntry>& entries = page->entries;
  if (entries.size() > limit || page->cut_short) {
    entries.resize(std::min(entries.size(), limit));
    changes.end = false;
    changes.next = {entries.back().modseq, entries.back().uid};
  }
  std::vector<uint32_t> live;
  for (const LogEntry& entry : entries) {
    (entry.left ? changes.vanished : live).push_back(entry.uid);
  }
  std::sort(changes.vanished.begin(), changes.vanished.end());
  absl::StatusOr<std::vector<MessageRow>> rows =
      co_await ReadRows(engine, mailbox->id(), std::move(live));
  if (!rows.ok()) co_return rows.status();
  changes.changed = *std::move(rows);
  // Trimmed while it was read?
  const uint64_t floor = mailbox->durable().log_floor_modseq;
  if (known < floor) co_return Trimmed(floor);
  co_return changes;
}

Task<absl::StatusOr<bool>> TrimChangeLog(engine::Engine* engine,
                                         std::shared_ptr<Mailbox> mailbox,
                                         LogRetention retention, absl::Time now,
                                         absl::Time* due) {
  *due = absl::InfiniteFuture();
  absl::Status counted = co_await EnsureCounted(engine, mailbox);
  if (!counted.ok()) co_return counted;
  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  const Head head = mailbox->durable();
  if (head.tombstone_count == 0) co_return false;
  // Of the floor's own MODSEQ some may be left.
  const uint64_t after = head.log_floor_modseq == 0 ? 0 : head.log_floor_modseq - 1;
  absl::StatusOr<std::vector<LeftRow>> rows =
      co_await ScanLeft(engine, mailbox->id(), kTombstonePrefix, after, kTrimBatch);
  if (!rows.ok()) co_return rows.status();

  const uint64_t limit = mailbox->ReclaimableModseq();
  const uint64_t excess =
      head.tombstone_count - std::min(head.tombstone_count, retention.entries);
  size_t count = 0;
  const auto goes = [&](const LeftRow& row) {
    return count < excess || row.record.expunged <= now - retention.age;
  };
  while (count < rows->size() && (*rows)[count].modseq <= limit && goes((*rows)[count])) {
    ++count;
  }
  if (count < rows->size()) {
    // What only a session keeps may go at any time.
    const LeftRow& first = (*rows)[count];
    *due = goes(first) ? absl::InfinitePast() : first.record.expunged + retention.age;
  }
  if (count == 0) co_return false;

  Change trimmed;
  for (size_t i = 0; i < count; ++i) {
    const LeftRow& row = (*rows)[i];
    trimmed.deletes.push_back(ModseqKey(kTombstonePrefix, row.modseq, row.uid));
  }
  Mailbox::Plan plan = [trimmed = std::move(trimmed), count, floor = (*rows)[count - 1].modseq](
                           Head& next, Change& change) mutable {
    next.tombstone_count -= count;
    next.log_floor_modseq = std::max(next.log_floor_modseq, floor);
    change = std::move(trimmed);
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  co_return count == kTrimBatch;
}

}  // namespace restante::store
