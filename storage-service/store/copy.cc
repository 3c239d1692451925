#include "storage-service/store/copy.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/low_uid.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/row_changes.h"
#include "storage-service/store/uid_runs.h"

namespace restante::store {
namespace {

struct ChosenRows {
  MovingRows rows;
  uint32_t next_uid = 0;  // 0: these are all
};

// The rows of these UIDs, at most `limit`.
Task<absl::StatusOr<ChosenRows>> ReadChosen(engine::Engine* engine, MailboxId mailbox,
                                            Head head, std::vector<UidRange> uids,
                                            size_t limit) {
  const std::vector<UidRange> runs = Clipped(std::move(uids), head.low_uid, head.uid_next);
  ChosenRows chosen;
  uint32_t next = runs.empty() ? 0 : runs.front().first;
  while (next != 0 && chosen.rows.size() < limit) {
    absl::StatusOr<RowScan> scan =
        co_await ScanRuns(engine, mailbox, runs, next, limit - chosen.rows.size());
    if (!scan.ok()) co_return scan.status();
    for (auto& row : scan->rows) chosen.rows.push_back(std::move(row));
    next = scan->next_uid;
  }
  chosen.next_uid = next;
  co_return chosen;
}

}  // namespace

Task<absl::StatusOr<CopyAnswer>> CopyMessages(DeletionTools tools, QuotaClaim quota,
                                              std::shared_ptr<Mailbox> from,
                                              std::shared_ptr<Mailbox> to,
                                              std::vector<UidRange> uids, absl::Time now) {
  absl::Status legal = CheckUids(uids);
  if (legal.ok()) legal = tools.engine->CheckRoom();
  if (!legal.ok()) co_return legal;
  // Until the commit is complete nobody expunges what is read here, so the bodies stay.
  AsyncMutex::Guard guard = co_await from->changes().Lock();
  absl::Status loaded = co_await from->Load();
  if (!loaded.ok()) co_return loaded;
  absl::StatusOr<ChosenRows> chosen = co_await ReadChosen(
      tools.engine, from->id(), from->durable(), std::move(uids), kMostCopies + 1);
  if (!chosen.ok()) co_return chosen.status();
  if (chosen->rows.size() > kMostCopies) {
    co_return MakeError(
        v1::ERROR_REASON_INVALID_REQUEST,
        absl::StrCat("uids: more than ", kMostCopies, " messages; copy them in several calls"));
  }
  CopyAnswer answer;
  const Head before = to->durable();
  answer.uidvalidity = before.uidvalidity;
  answer.highest_modseq = before.highest_modseq;
  if (chosen->rows.empty()) co_return answer;
  uint32_t first = 0;
  const auto note = [&first](uint32_t first_copy, Change&) { first = first_copy; };
  absl::Status copied = co_await CopyRows(tools.mailboxes, to, &chosen->rows, 0,
                                          chosen->rows.size(), std::move(quota), note, now);
  if (!copied.ok()) co_return copied;
  for (const auto& [uid, row] : chosen->rows) answer.messages.push_back({uid, first++});
  answer.highest_modseq = to->durable().highest_modseq;
  co_return answer;
}

Task<absl::StatusOr<CopyAnswer>> MoveMessages(DeletionTools tools,
                                              std::shared_ptr<Mailbox> from,
                                              std::shared_ptr<Mailbox> to,
                                              std::vector<UidRange> uids, size_t limit,
                                              absl::Time now) {
  absl::Status legal = CheckUids(uids);
  if (!legal.ok()) co_return legal;
  AsyncMutex::Guard guard = co_await from->changes().Lock();
  absl::Status loaded = co_await from->Load();
  if (!loaded.ok()) co_return loaded;
  const Head head = from->durable();
  absl::StatusOr<ChosenRows> chosen =
      co_await ReadChosen(tools.engine, from->id(), head, std::move(uids), limit);
  if (!chosen.ok()) co_return chosen.status();
  CopyAnswer answer;
  answer.uidvalidity = to->durable().uidvalidity;
  answer.highest_modseq = head.highest_modseq;
  answer.next_uid = chosen->next_uid;
  if (chosen->rows.empty()) co_return answer;

  RowChanges changes;
  for (const auto& [uid, row] : chosen->rows) changes.Expunge(uid, row, now);
  absl::StatusOr<LowUids> low =
      co_await LowestWithout(tools.engine, from->id(), head, RunsOf(changes.uids()), false);
  if (!low.ok()) co_return low.status();
  absl::StatusOr<MoveCopies> copied =
      co_await CopyToMove(tools, from, to, std::move(chosen->rows), now);
  if (!copied.ok()) co_return copied.status();
  Mailbox::Plan plan = [&](Head& next, Change& change) {
    changes.Apply(next, change);
    low->RaiseIn(next);
    copied->RecordIn(change);
    answer.highest_modseq = next.highest_modseq;
    return absl::OkStatus();
  };
  CommitResult result = co_await from->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  for (const CopiedUid& message : copied->copies) {
    answer.messages.push_back({message.uid, message.copy});
  }
  co_return answer;
}

}  // namespace restante::store
