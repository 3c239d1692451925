#include "storage-service/store/move.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/bodies.h"
#include "storage-service/store/delivery.h"
#include "storage-service/store/format.pb.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/row_addition.h"
#include "storage-service/store/uid_runs.h"

namespace restante::store {
namespace {

// Rows in one commit.
constexpr size_t kMoveBatch = 512;

// Messages whose UIDs follow one another, and so do their copies'.
struct MovedRun {
  UidRange uids;
  uint32_t copy = 0;  // of the first; 0: not known
};

struct Earlier {
  uint64_t number = 0;
  std::vector<MovedRun> runs;
};

void AddTo(std::vector<MovedRun>& runs, CopiedUid copied) {
  if (!runs.empty()) {
    MovedRun& run = runs.back();
    const uint32_t count = run.uids.last - run.uids.first + 1;
    const bool follows = run.copy == 0 ? copied.copy == 0 : copied.copy == run.copy + count;
    if (copied.uid == run.uids.last + 1 && follows) {
      ++run.uids.last;
      return;
    }
  }
  runs.push_back({{copied.uid, copied.uid}, copied.copy});
}

std::string EncodeMove(uint64_t number, const std::vector<MovedRun>& earlier,
                       const std::vector<MovedRun>& now) {
  format::MoveRecord record;
  record.set_number(number);
  for (const std::vector<MovedRun>* runs : {&earlier, &now}) {
    for (const MovedRun& run : *runs) {
      record.add_runs(run.uids.first);
      record.add_runs(run.uids.last);
      record.add_copies(run.copy);
    }
  }
  return record.SerializeAsString();
}

// What `to` knows of the last move from there.
Task<absl::StatusOr<Earlier>> ReadEarlier(engine::Engine* engine, MailboxId to,
                                          MailboxId from) {
  using Value = absl::StatusOr<std::optional<std::string>>;
  Value value = co_await Await<Value>(
      [&](Done<Value> done) { engine->Get(MailboxShard(to), MoveKey(from), std::move(done)); });
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return Earlier();
  format::MoveRecord record;
  if (!record.ParseFromString(**value) || record.runs_size() % 2 != 0) {
    co_return MakeError(v1::ERROR_REASON_CORRUPT,
                        absl::StrCat("can't decode the last move from mailbox ", from.ToHex()));
  }
  Earlier earlier;
  earlier.number = record.number();
  for (int i = 0; i < record.runs_size() / 2; ++i) {
    const uint32_t copy = i < record.copies_size() ? record.copies(i) : 0;
    earlier.runs.push_back({{record.runs(2 * i), record.runs(2 * i + 1)}, copy});
  }
  co_return earlier;
}

// How many moves from one mailbox to another are finished. Older releases counted all of
// a mailbox's moves together.
Task<absl::StatusOr<uint64_t>> ReadFinished(engine::Engine* engine, Mailbox* from,
                                            MailboxId to) {
  using Value = absl::StatusOr<std::optional<std::string>>;
  Value value = co_await Await<Value>([&](Done<Value> done) {
    engine->Get(MailboxShard(from->id()), FinishedMoveKey(to), std::move(done));
  });
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return from->durable().moves;
  co_return ParseModseqValue(**value);
}

// The GUIDs of those of these UIDs that have rows.
using Guids = absl::flat_hash_map<uint32_t, Guid>;
Task<absl::StatusOr<Guids>> LiveAmong(engine::Engine* engine, MailboxId mailbox,
                                      std::vector<UidRange> uids) {
  Guids live;
  uids = Ordered(std::move(uids));
  uint32_t next = uids.empty() ? 0 : 1;
  while (next != 0) {
    absl::StatusOr<RowScan> scan = co_await ScanRuns(engine, mailbox, uids, next, kMoveBatch);
    if (!scan.ok()) co_return scan.status();
    for (const auto& [uid, row] : scan->rows) live.emplace(uid, row.guid);
    next = scan->next_uid;
  }
  co_return live;
}

// Of an unfinished move: what is in both mailboxes still, by UID. A copy that somebody
// has expunged since is none.
Task<absl::StatusOr<std::vector<CopiedUid>>> InBoth(engine::Engine* engine, MailboxId from,
                                                    MailboxId to, std::vector<MovedRun> runs) {
  std::vector<UidRange> here;
  std::vector<UidRange> there;
  for (const MovedRun& run : runs) {
    here.push_back(run.uids);
    if (run.copy != 0) there.push_back({run.copy, run.copy + run.uids.last - run.uids.first});
  }
  absl::StatusOr<Guids> originals = co_await LiveAmong(engine, from, std::move(here));
  if (!originals.ok()) co_return originals.status();
  absl::StatusOr<Guids> copies = co_await LiveAmong(engine, to, std::move(there));
  if (!copies.ok()) co_return copies.status();
  std::vector<CopiedUid> both;
  for (const MovedRun& run : runs) {
    for (uint32_t uid = run.uids.first; uid <= run.uids.last; ++uid) {
      const auto original = originals->find(uid);
      if (original == originals->end()) continue;
      const uint32_t copy = run.copy == 0 ? 0 : run.copy + (uid - run.uids.first);
      const auto found = copies->find(copy);
      if (copy != 0 && (found == copies->end() || found->second != original->second)) continue;
      both.push_back({uid, copy});
    }
  }
  std::sort(both.begin(), both.end(),
            [](const CopiedUid& a, const CopiedUid& b) { return a.uid < b.uid; });
  co_return both;
}

// Compares rows and UIDs.
struct ByUid {
  bool operator()(const MovingRows::value_type& row, uint32_t uid) const {
    return row.first < uid;
  }
  bool operator()(uint32_t uid, const MovingRows::value_type& row) const {
    return uid < row.first;
  }
  bool operator()(const CopiedUid& copied, uint32_t uid) const { return copied.uid < uid; }
  bool operator()(uint32_t uid, const CopiedUid& copied) const { return uid < copied.uid; }
};

}  // namespace

void MoveCopies::RecordIn(Change& change) const {
  change.puts.emplace_back(FinishedMoveKey(to), ModseqValue(finished));
}

Task<absl::Status> CopyRows(MailboxTable* mailboxes, std::shared_ptr<Mailbox> to,
                            const MovingRows* rows, size_t begin, size_t end, QuotaClaim quota,
                            std::function<void(uint32_t first, Change& change)> also,
                            absl::Time now) {
  // Nobody may take away the references before their rows are there.
  std::vector<Bodies::Hold> holds;
  std::vector<StoredRow> copies;
  RowTotals totals;
  for (size_t i = begin; i < end; ++i) {
    copies.push_back((*rows)[i].second.AsNew(now));
    copies.back().own_uidl = DerivedUidl(Id128::Random());
    holds.emplace_back(&mailboxes->bodies(), copies.back().body);
    totals.Add(copies.back());
  }
  Mailbox::Plan plan = [&](Head& head, Change& change) -> absl::Status {
    const absl::Status fits = quota.Claim(
        to->id(), {head.octets + totals.octets, head.message_count + totals.messages});
    if (!fits.ok()) return fits;
    if (UINT32_MAX - head.uid_next < copies.size()) {
      return MakeError(v1::ERROR_REASON_STORE_FULL, "the mailbox has used up its UIDs");
    }
    const uint32_t first = head.uid_next;
    totals.AddNewTo(head, first);
    const uint64_t modseq = ++head.highest_modseq;
    for (StoredRow& row : copies) {
      const uint32_t uid = head.uid_next++;
      row.modseq = modseq;
      AddRow(row, uid, change);
    }
    also(first, change);
    return absl::OkStatus();
  };
  CommitResult result = co_await to->Commit(std::move(plan));
  co_return result.status;
}

Task<absl::StatusOr<MoveCopies>> CopyToMove(DeletionTools tools, std::shared_ptr<Mailbox> from,
                                            std::shared_ptr<Mailbox> to, MovingRows rows,
                                            absl::Time now) {
  absl::StatusOr<Earlier> earlier = co_await ReadEarlier(tools.engine, to->id(), from->id());
  if (!earlier.ok()) co_return earlier.status();
  const absl::StatusOr<uint64_t> finished =
      co_await ReadFinished(tools.engine, from.get(), to->id());
  if (!finished.ok()) co_return finished.status();
  const uint64_t number = *finished + 1;
  MoveCopies moved;
  moved.to = to->id();
  std::vector<MovedRun> before;
  bool left_behind = false;
  if (earlier->number == number) {
    // Of an unfinished move: what is here still, and whether all of it goes now.
    absl::StatusOr<std::vector<CopiedUid>> both =
        co_await InBoth(tools.engine, from->id(), to->id(), std::move(earlier->runs));
    if (!both.ok()) co_return both.status();
    for (const CopiedUid& copied : *both) {
      AddTo(before, copied);
      if (std::binary_search(rows.begin(), rows.end(), copied.uid, ByUid())) {
        moved.copies.push_back(copied);
      } else {
        left_behind = true;
      }
    }
    std::erase_if(rows, [&](const auto& row) {
      return std::binary_search(both->begin(), both->end(), row.first, ByUid());
    });
  }
  std::vector<MovedRun> copied_now;
  for (size_t begin = 0; begin < rows.size(); begin += kMoveBatch) {
    const size_t end = std::min(rows.size(), begin + kMoveBatch);
    uint32_t first = 0;
    const auto record = [&](uint32_t first_copy, Change& change) {
      first = first_copy;
      std::vector<MovedRun> with_these = copied_now;
      for (size_t i = begin; i < end; ++i) {
        AddTo(with_these, {rows[i].first, static_cast<uint32_t>(first_copy + i - begin)});
      }
      change.puts.emplace_back(MoveKey(from->id()), EncodeMove(number, before, with_these));
    };
    // What is moved counts twice for a moment, and must not fail for that.
    absl::Status status =
        co_await CopyRows(tools.mailboxes, to, &rows, begin, end, QuotaClaim(), record, now);
    if (!status.ok()) co_return status;
    for (size_t i = begin; i < end; ++i) {
      const CopiedUid copied{rows[i].first, static_cast<uint32_t>(first + i - begin)};
      AddTo(copied_now, copied);
      moved.copies.push_back(copied);
    }
  }
  std::sort(moved.copies.begin(), moved.copies.end(),
            [](const CopiedUid& a, const CopiedUid& b) { return a.uid < b.uid; });
  moved.finished = left_behind ? number - 1 : number;
  co_return moved;
}

}  // namespace restante::store
