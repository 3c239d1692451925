// Reading a mailbox's records from the engine, a page at a time. There is no
// snapshot over two pages: each caller says how it copes.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_records.h"

namespace restante::store {

// How many rows a walk through a mailbox reads at a time, however many an answer has.
inline constexpr size_t kPageRows = 1024;
// How many rows a caller gets in one answer: what it asks for, up to kMostRows; kUsualRows
// where it doesn't say.
inline constexpr uint32_t kMostRows = 4096;
inline constexpr uint32_t kUsualRows = 1024;

// As it is on disk, for what works beside the mailbox's owner. Nothing: no such
// mailbox; one that is being erased has `erasing` set.
Task<absl::StatusOr<std::optional<Head>>> ReadHead(engine::Engine* engine, MailboxId mailbox);

Task<absl::StatusOr<std::optional<StoredRow>>> ReadRow(engine::Engine* engine,
                                                       MailboxId mailbox, uint32_t uid);

struct RowScan {
  std::vector<std::pair<uint32_t, StoredRow>> rows;  // by UID
  // Where the next page begins; 0: the range is exhausted.
  uint32_t next_uid = 0;
};

// What is done with a row on the way through a mailbox. The row is its own to move from;
// the next one comes into the same storage.
using RowVisitor = absl::FunctionRef<void(uint32_t uid, StoredRow& row)>;

// Shows live rows with first_uid <= uid < end_uid, at most `limit`, fewer in a page; where
// the next page begins, 0 when the range is exhausted. Whoever awaits it keeps `visitor`.
Task<absl::StatusOr<uint32_t>> VisitRows(engine::Engine* engine, MailboxId mailbox,
                                         uint32_t first_uid, uint32_t end_uid, size_t limit,
                                         RowVisitor visitor);

// The same for one page of the live rows of some runs (ascending, not overlapping) from
// `first_uid` on; jumps over what lies between the runs. May show none and not be the last.
Task<absl::StatusOr<uint32_t>> VisitRuns(engine::Engine* engine, MailboxId mailbox,
                                         std::vector<UidRange> runs, uint32_t first_uid,
                                         size_t limit, RowVisitor visitor);

// As VisitRows, with all rows of the page at once.
Task<absl::StatusOr<RowScan>> ScanRows(engine::Engine* engine, MailboxId mailbox,
                                       uint32_t first_uid, uint32_t end_uid, size_t limit);

// As VisitRuns.
Task<absl::StatusOr<RowScan>> ScanRuns(engine::Engine* engine, MailboxId mailbox,
                                       std::vector<UidRange> runs, uint32_t first_uid,
                                       size_t limit);

// A row that was expunged.
struct LeftRow {
  uint64_t modseq = 0;  // of the expunge
  uint32_t uid = 0;
  ExpungedRow record;
};

// All rows expunged after a MODSEQ, under one prefix (kExpungedPrefix: those that
// hold their bodies; kTombstonePrefix: the others), by MODSEQ; at most `limit`.
Task<absl::StatusOr<std::vector<LeftRow>>> ScanLeft(engine::Engine* engine, MailboxId mailbox,
                                                    char prefix, uint64_t after_modseq,
                                                    size_t limit = SIZE_MAX);

// The row that had this UID, if it holds its body still. Two reads.
Task<absl::StatusOr<std::optional<LeftRow>>> FindLeft(engine::Engine* engine, MailboxId mailbox,
                                                      uint32_t uid);

// Under both prefixes, by UID, each once.
struct LeftSince {
  LeftRow row;
  bool reclaimed = false;
};
Task<absl::StatusOr<std::vector<LeftSince>>> ScanLeftSince(engine::Engine* engine,
                                                           MailboxId mailbox,
                                                           uint64_t after_modseq);

// One page of any range of a mailbox's shard.
Task<absl::StatusOr<engine::ScanPage>> ScanKeys(engine::Engine* engine, MailboxId mailbox,
                                                std::string begin, std::string end,
                                                size_t max_entries);

}  // namespace restante::store
