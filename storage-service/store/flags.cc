#include "storage-service/store/flags.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/uid_runs.h"

namespace restante::store {
namespace {

bool HasKeyword(const StoredRow& row, const std::string& keyword) {
  return std::any_of(row.keywords.begin(), row.keywords.end(), [&](const std::string& known) {
    return absl::EqualsIgnoreCase(known, keyword);
  });
}

bool SameKeywords(const StoredRow& a, const StoredRow& b) {
  return a.keywords.size() == b.keywords.size() &&
         std::all_of(a.keywords.begin(), a.keywords.end(),
                     [&](const std::string& keyword) { return HasKeyword(b, keyword); });
}

// What a message's flags become; `named` has those of the request.
absl::Status ChangeOne(FlagChange::Mode mode, const StoredRow& named, StoredRow& row) {
  switch (mode) {
    case FlagChange::Mode::kAdd:
      row.flags |= named.flags;
      return SetFlags(named.keywords, row);
    case FlagChange::Mode::kRemove:
      row.flags &= ~named.flags;
      std::erase_if(row.keywords,
                    [&](const std::string& keyword) { return HasKeyword(named, keyword); });
      return absl::OkStatus();
    case FlagChange::Mode::kReplace:
      row.flags = named.flags;
      if (!SameKeywords(row, named)) row.keywords = named.keywords;
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

// Rows whose flags change, and what that does to the counters.
struct Reflagged {
  std::vector<std::pair<uint32_t, StoredRow>> rows;
  std::vector<std::string> old_changes;
  RowTotals before;
  RowTotals after;

  void Add(uint32_t uid, const StoredRow& from, StoredRow to) {
    before.Add(from);
    after.Add(to);
    old_changes.push_back(ModseqKey(kChangePrefix, from.modseq, uid));
    rows.emplace_back(uid, std::move(to));
  }

  uint64_t Apply(Head& head, Change& change) {
    const uint64_t modseq = ++head.highest_modseq;
    before.RemoveFrom(head);
    after.AddTo(head);
    change.deletes = std::move(old_changes);
    for (auto& [uid, row] : rows) {
      row.modseq = modseq;
      change.puts.emplace_back(RowKey(uid), Encode(row));
      change.puts.emplace_back(ModseqKey(kChangePrefix, modseq, uid), std::string());
    }
    return modseq;
  }
};

}  // namespace

Task<absl::StatusOr<FlagsAnswer>> ChangeFlags(engine::Engine* engine,
                                              std::shared_ptr<Mailbox> mailbox,
                                              std::vector<UidRange> uids, FlagChange change,
                                              size_t limit) {
  absl::Status legal = CheckUids(uids);
  if (!legal.ok()) co_return legal;
  StoredRow named;
  legal = SetFlags(change.flags, named);
  if (!legal.ok()) co_return legal;

  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  const Head head = mailbox->durable();
  FlagsAnswer answer;
  answer.highest_modseq = head.highest_modseq;
  const std::vector<UidRange> runs = Clipped(std::move(uids), head.low_uid, head.uid_next);
  Reflagged reflagged;
  std::vector<size_t> changed;  // of answer.messages
  size_t seen = 0;
  uint32_t next = runs.empty() ? 0 : runs.front().first;
  while (next != 0 && seen < limit) {
    absl::StatusOr<RowScan> scan =
        co_await ScanRuns(engine, mailbox->id(), runs, next, limit - seen);
    if (!scan.ok()) co_return scan.status();
    seen += scan->rows.size();
    next = scan->next_uid;
    for (const auto& [uid, row] : scan->rows) {
      if (change.unchanged_since && row.modseq > *change.unchanged_since) {
        answer.modified.push_back(uid);
        continue;
      }
      StoredRow to = row;
      legal = ChangeOne(change.mode, named, to);
      if (!legal.ok()) {
        co_return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                            absl::StrCat("UID ", uid, ": ", legal.message()));
      }
      answer.messages.push_back({uid, row.modseq, to.AsMessage(uid).flags});
      if (to.flags == row.flags && to.keywords == row.keywords) continue;
      changed.push_back(answer.messages.size() - 1);
      reflagged.Add(uid, row, std::move(to));
    }
  }
  answer.next_uid = next;
  if (changed.empty()) co_return answer;

  uint64_t modseq = 0;
  Mailbox::Plan plan = [&reflagged, &modseq](Head& next_head, Change& out) {
    modseq = reflagged.Apply(next_head, out);
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  answer.highest_modseq = modseq;
  for (const size_t index : changed) answer.messages[index].modseq = modseq;
  co_return answer;
}

}  // namespace restante::store
