#include "storage-service/store/deletion.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/mailbox_rows.h"

namespace restante::store {
namespace {

constexpr size_t kMostDeletions = 1'000'000;
constexpr size_t kPageRows = 1024;

absl::Status Invalid(absl::string_view message) {
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST, message);
}

absl::Status CheckRuns(const std::vector<UidRange>& uids, uint32_t uid_next) {
  uint64_t after = 0;
  for (const UidRange& run : uids) {
    if (run.first <= after || run.last < run.first) {
      return Invalid(absl::StrCat("delete_uids: ", run.first, ":", run.last,
                                  " is out of order; runs must ascend and not overlap"));
    }
    if (run.last >= uid_next) {
      return Invalid(absl::StrCat("delete_uids: ", run.last, " isn't in the session's list"));
    }
    after = run.last;
  }
  return absl::OkStatus();
}

// What is to be deleted: the commit's keys, made before its MODSEQ is known.
struct Deletions {
  std::vector<std::pair<std::string, std::string>> puts;
  std::vector<std::string> deletes;
  std::vector<uint32_t> uids;
  uint64_t octets = 0;

  void Add(uint32_t uid, StoredRow row, absl::Time now) {
    uids.push_back(uid);
    octets += row.octets;
    deletes.push_back(RowKey(uid));
    deletes.push_back(ModseqKey(kChangePrefix, row.modseq, uid));
    puts.emplace_back(ModseqKey(kExpungedPrefix, 0, uid),
                      Encode(ExpungedRow{std::move(row), now}));
  }
};

// Reads the rows of the runs; jumps over what lies between them.
Task<absl::StatusOr<Deletions>> Collect(engine::Engine* engine, MailboxId mailbox,
                                        std::vector<UidRange> runs, absl::Time now) {
  Deletions found;
  size_t run = 0;
  uint32_t next = runs.front().first;
  const uint32_t end = runs.back().last + 1;
  while (next != 0) {
    absl::StatusOr<RowScan> scan = co_await ScanRows(engine, mailbox, next, end, kPageRows);
    if (!scan.ok()) co_return scan.status();
    for (auto& [uid, row] : scan->rows) {
      while (runs[run].last < uid) ++run;  // uid < end, so there is one
      if (uid < runs[run].first) continue;
      if (found.uids.size() == kMostDeletions) {
        co_return Invalid(absl::StrCat("delete_uids names more than ", kMostDeletions,
                                       " messages; delete them in several sessions"));
      }
      found.Add(uid, std::move(row), now);
    }
    next = scan->next_uid;
    if (next != 0) {
      while (runs[run].last < next) ++run;
      next = std::max(next, runs[run].first);
    }
  }
  co_return found;
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
      co_return Invalid(absl::StrCat("delete_uids: ", uid, " isn't in the session's list"));
    }
  }
  co_return absl::OkStatus();
}

// The lowest live row that stays; what is added meanwhile is above uid_next.
Task<absl::StatusOr<uint32_t>> LowestLeft(engine::Engine* engine, MailboxId mailbox, Head head,
                                          std::vector<UidRange> runs) {
  size_t run = 0;
  uint32_t next = head.low_uid;
  while (next != 0) {
    absl::StatusOr<RowScan> scan =
        co_await ScanRows(engine, mailbox, next, head.uid_next, kPageRows);
    if (!scan.ok()) co_return scan.status();
    for (const auto& [uid, row] : scan->rows) {
      while (run < runs.size() && runs[run].last < uid) ++run;
      if (run == runs.size() || uid < runs[run].first) co_return uid;
    }
    next = scan->next_uid;
    // Inside a run nothing stays.
    if (next != 0 && run < runs.size() && runs[run].first <= next) {
      next = std::max(next, runs[run].last + 1);
    }
  }
  co_return head.uid_next;
}

}  // namespace

Task<absl::StatusOr<uint64_t>> DeleteFromSession(engine::Engine* engine,
                                                 std::shared_ptr<Mailbox> mailbox,
                                                 SessionFacts facts, std::vector<UidRange> uids,
                                                 absl::Time now) {
  // Until the commit is complete nobody else expunges what is read here.
  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  const Head head = mailbox->durable();
  if (head.last_commit_fencing == facts.fencing) co_return head.last_commit_deleted;
  if (head.last_commit_fencing > facts.fencing) {
    co_return MakeError(v1::ERROR_REASON_LEASE_LOST,
                        "a newer session has committed to the maildrop");
  }
  absl::Status legal = CheckRuns(uids, facts.uid_next);
  if (!legal.ok()) co_return legal;
  if (uids.empty()) co_return 0;

  absl::StatusOr<Deletions> found = co_await Collect(engine, mailbox->id(), uids, now);
  if (!found.ok()) co_return found.status();
  legal = co_await CheckEnds(engine, mailbox->id(), uids, found->uids, facts.modseq);
  if (!legal.ok()) co_return legal;
  const uint64_t deleted = found->uids.size();
  if (deleted == 0) co_return 0;
  absl::StatusOr<uint32_t> low = co_await LowestLeft(engine, mailbox->id(), head, uids);
  if (!low.ok()) co_return low.status();

  Deletions deletions = *std::move(found);
  Mailbox::Plan plan = [deletions = std::move(deletions), low = *low, fencing = facts.fencing](
                           Head& next, Change& change) mutable -> absl::Status {
    const uint64_t modseq = ++next.highest_modseq;
    for (auto& [key, value] : deletions.puts) SetModseq(key, modseq);
    next.message_count -= deletions.uids.size();
    next.octets -= deletions.octets;
    next.low_uid = std::max(next.low_uid, low);
    next.last_expunge_modseq = modseq;
    next.last_commit_fencing = fencing;
    next.last_commit_deleted = deletions.uids.size();
    change.puts = std::move(deletions.puts);
    change.deletes = std::move(deletions.deletes);
    change.removed = std::move(deletions.uids);
    return absl::OkStatus();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;
  co_return deleted;
}

}  // namespace restante::store
