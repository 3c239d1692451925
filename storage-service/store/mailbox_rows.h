// Reading a mailbox's records from the engine, a page at a time. There is no
// snapshot over two pages: each caller says how it copes.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "storage-service/async/task.h"
#include "storage-service/engine/engine.h"
#include "storage-service/store/mailbox_records.h"

namespace restante::store {

// How many rows a walk through a mailbox reads at a time.
inline constexpr size_t kPageRows = 1024;
// How many a listing reads at a time, however many it answers with: more leave a core's
// cache before they are used, and cost page faults.
inline constexpr size_t kListedRows = 256;
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

// Live rows with first_uid <= uid < end_uid, at most `limit`, fewer in a page.
Task<absl::StatusOr<RowScan>> ScanRows(engine::Engine* engine, MailboxId mailbox,
                                       uint32_t first_uid, uint32_t end_uid, size_t limit);

// One page of the live rows of some runs (ascending, not overlapping) from `first_uid`
// on, as above; jumps over what lies between the runs. May be empty and not the last.
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
