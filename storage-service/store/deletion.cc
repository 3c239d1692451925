#include "storage-service/store/deletion.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/low_uid.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/move.h"
#include "storage-service/store/row_changes.h"
#include "storage-service/store/uid_runs.h"

namespace restante::store {
namespace {

constexpr size_t kMostDeletions = 1'000'000;

absl::Status InvalidUids(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST, message);
}

absl::Status CheckRuns(const std::vector<UidRange>& uids, uint32_t uid_next) {
  uint64_t after = 0;
  for (const UidRange& run : uids) {
    if (run.first <= after || run.last < run.first) {
      return InvalidUids(absl::StrCat("delete_uids: ", run.first, ":", run.last,
                                      " is out of order; runs must ascend and not overlap"));
    }
    if (run.last >= uid_next) {
      return InvalidUids(
          absl::StrCat("delete_uids: ", run.last, " isn't in the session's list"));
    }
    after = run.last;
  }
  return absl::OkStatus();
}

using Visit = std::function<void(uint32_t uid, StoredRow row)>;

// Reads those rows of the runs that the session sees; jumps over what lies between
// the runs.
Task<absl::Status> Collect(engine::Engine* engine, MailboxId mailbox,
                           std::vector<UidRange> runs, uint64_t modseq, Visit visit) {
  size_t count = 0;
  uint32_t next = runs.front().first;
  while (next != 0) {
    absl::StatusOr<RowScan> scan = co_await ScanRuns(engine, mailbox, runs, next, kPageRows);
    if (!scan.ok()) co_return scan.status();
    for (auto& [uid, row] : scan->rows) {
      if (!row.VisibleAt(modseq)) continue;
      if (count++ == kMostDeletions) {
        co_return InvalidUids(absl::StrCat("delete_uids names more than ", kMostDeletions,
                                           " messages; delete them in several sessions"));
      }
      visit(uid, std::move(row));
    }
    next = scan->next_uid;
  }
  co_return absl::OkStatus();
}

// The ends of runs that aren't among the rows found must have been expunged since
// the session began; any other UID is a mistake of the caller's.
Task<absl::Status> CheckEnds(engine::Engine* engine, MailboxId mailbox,
                             std::vector<UidRange> runs, std::vector<uint32_t> found,
                             uint64_t since_modseq) {
  std::vector<uint32_t> missing;
  for (const UidRange& run : runs) {
    for (const uint32_t uid : {run.first, run.last}) {
      if (!std::binary_search(found.begin(), found.end(), uid)) missing.push_back(uid);
    }
  }
  if (missing.empty()) co_return absl::OkStatus();
  absl::StatusOr<std::vector<LeftSince>> left =
      co_await ScanLeftSince(engine, mailbox, since_modseq);
  if (!left.ok()) co_return left.status();
  for (const uint32_t uid : missing) {
    const auto entry = std::lower_bound(
        left->begin(), left->end(), uid,
        [](const LeftSince& row, uint32_t wanted) { return row.row.uid < wanted; });
    if (entry == left->end() || entry->row.uid != uid) {
      co_return InvalidUids(absl::StrCat("delete_uids: ", uid, " isn't in the session's list"));
    }
  }
  co_return absl::OkStatus();
}

}  // namespace

Task<absl::StatusOr<uint64_t>> DeleteFromSession(DeletionTools tools,
                                                 std::shared_ptr<Mailbox> mailbox,
                                                 SessionFacts facts, std::vector<UidRange> uids,
                                                 absl::Time now) {
  // Until the commit is complete nobody else expunges what is read here.
  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  const Head head = mailbox->durable();
  if (head.last_commit_fencing == facts.fencing) co_return head.last_commit_deleted;
  if (std::max(head.last_commit_fencing, head.oldest_fencing) > facts.fencing) {
    co_return MakeError(v1::ERROR_REASON_LEASE_LOST, "a newer session has the maildrop");
  }
  absl::Status legal = CheckRuns(uids, facts.uid_next);
  if (!legal.ok()) co_return legal;
  if (uids.empty()) co_return 0;

  const bool hides = facts.deletion == Pop3Policy::Deletion::kHide;
  const bool moves = facts.deletion == Pop3Policy::Deletion::kMove;
  RowChanges changes;
  MovingRows moving;
  Visit visit = [&](uint32_t uid, StoredRow row) {
    if (moves) moving.emplace_back(uid, row);
    if (hides) {
      changes.Hide(uid, std::move(row), now);
    } else {
      changes.Expunge(uid, std::move(row), now);
    }
  };
  absl::Status collected =
      co_await Collect(tools.engine, mailbox->id(), uids, facts.modseq, std::move(visit));
  if (!collected.ok()) co_return collected;
  legal = co_await CheckEnds(tools.engine, mailbox->id(), uids, changes.uids(), facts.modseq);
  if (!legal.ok()) co_return legal;
  const uint64_t deleted = changes.uids().size();
  if (deleted == 0) co_return 0;
  absl::StatusOr<LowUids> low =
      co_await LowestWithout(tools.engine, mailbox->id(), head, RunsOf(changes.uids()), hides);
  if (!low.ok()) co_return low.status();

  std::optional<MoveCopies> moved;
  if (moves) {
    absl::StatusOr<MailboxId> target =
        co_await tools.directory->FindOrMakeMailbox(facts.account, facts.move_to);
    if (!target.ok()) co_return target.status();
    absl::StatusOr<std::shared_ptr<Mailbox>> to = co_await tools.mailboxes->Find(*target);
    if (!to.ok()) co_return to.status();
    absl::StatusOr<MoveCopies> copied =
        co_await CopyToMove(tools, mailbox, *std::move(to), std::move(moving), now);
    if (!copied.ok()) co_return copied.status();
    moved = *std::move(copied);
  }

  Mailbox::Plan plan = [changes = std::move(changes), low = *low, fencing = facts.fencing,
                        deleted, moved = std::move(moved)](
                           Head& next, Change& change) mutable -> absl::Status {
    changes.Apply(next, change);
    low.RaiseIn(next);
    if (moved) moved->RecordIn(change);
    next.last_commit_fencing = fencing;
    next.last_commit_deleted = deleted;
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  co_return deleted;
}

}  // namespace restante::store
