#include "storage-service/store/move.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/bodies.h"
#include "storage-service/store/format.pb.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/uid_runs.h"
#include "storage-service/store/uidl_index.h"

namespace restante::store {
namespace {

// Rows in one commit.
constexpr size_t kMoveBatch = 512;

struct Earlier {
  uint64_t number = 0;
  std::vector<UidRange> uids;  // ordered
};

std::string EncodeMove(uint64_t number, const std::vector<UidRange>& runs) {
  format::MoveRecord record;
  record.set_number(number);
  for (const UidRange& run : runs) {
    record.add_runs(run.first);
    record.add_runs(run.last);
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
  for (int i = 0; i < record.runs_size(); i += 2) {
    earlier.uids.push_back({record.runs(i), record.runs(i + 1)});
  }
  co_return earlier;
}

// Which of these UIDs have rows.
Task<absl::StatusOr<std::vector<uint32_t>>> LiveAmong(engine::Engine* engine, MailboxId mailbox,
                                                      std::vector<UidRange> uids) {
  std::vector<uint32_t> live;
  uint32_t next = 1;
  while (next != 0) {
    absl::StatusOr<RowScan> scan = co_await ScanRuns(engine, mailbox, uids, next, kMoveBatch);
    if (!scan.ok()) co_return scan.status();
    for (const auto& [uid, row] : scan->rows) live.push_back(uid);
    next = scan->next_uid;
  }
  co_return live;
}

// Compares rows and UIDs.
struct ByUid {
  bool operator()(const MovingRows::value_type& row, uint32_t uid) const {
    return row.first < uid;
  }
  bool operator()(uint32_t uid, const MovingRows::value_type& row) const {
    return uid < row.first;
  }
};

// Copies rows [begin, end) in one commit, which also says so.
Task<absl::Status> CopyBatch(MailboxTable* mailboxes, std::shared_ptr<Mailbox> to,
                             MailboxId from, const MovingRows* rows, size_t begin, size_t end,
                             std::string record, absl::Time now) {
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
  Mailbox::Plan plan = [&copies, totals, key = MoveKey(from), record = std::move(record)](
                           Head& head, Change& change) mutable -> absl::Status {
    if (UINT32_MAX - head.uid_next < copies.size()) {
      return MakeError(v1::ERROR_REASON_STORE_FULL, "the mailbox has used up its UIDs");
    }
    totals.AddNewTo(head, head.uid_next);
    const uint64_t modseq = ++head.highest_modseq;
    for (StoredRow& row : copies) {
      const uint32_t uid = head.uid_next++;
      row.modseq = modseq;
      change.puts.emplace_back(RowKey(uid), Encode(row));
      change.puts.emplace_back(ModseqKey(kChangePrefix, modseq, uid), std::string());
      UidlIndex::Record(row, uid, change);
      change.references.emplace_back(row.body, uid);
      change.added.push_back(ListedRow::Of(uid, row));
      UidlIndex::Record(row, uid, change);
    }
    change.puts.emplace_back(std::move(key), std::move(record));
    return absl::OkStatus();
  };
  CommitResult result = co_await to->Commit(std::move(plan));
  co_return result.status;
}

}  // namespace

Task<absl::StatusOr<uint64_t>> CopyToMove(DeletionTools tools, std::shared_ptr<Mailbox> from,
                                          AccountId account, std::string to, MovingRows rows,
                                          absl::Time now) {
  absl::StatusOr<MailboxId> target =
      co_await tools.directory->FindOrMakeMailbox(account, std::move(to));
  if (!target.ok()) co_return target.status();
  absl::StatusOr<std::shared_ptr<Mailbox>> mailbox = co_await tools.mailboxes->Find(*target);
  if (!mailbox.ok()) co_return mailbox.status();
  absl::StatusOr<Earlier> earlier = co_await ReadEarlier(tools.engine, *target, from->id());
  if (!earlier.ok()) co_return earlier.status();

  const uint64_t number = from->durable().moves + 1;
  std::vector<UidRange> copied;
  bool left_behind = false;
  if (earlier->number == number) {
    // Of an unfinished move: what is here still, and whether all of it goes now.
    absl::StatusOr<std::vector<uint32_t>> live =
        co_await LiveAmong(tools.engine, from->id(), std::move(earlier->uids));
    if (!live.ok()) co_return live.status();
    copied = RunsOf(*live);
    left_behind = std::any_of(live->begin(), live->end(), [&](uint32_t uid) {
      return !std::binary_search(rows.begin(), rows.end(), uid, ByUid());
    });
    std::erase_if(rows, [&](const auto& row) { return Contains(copied, row.first); });
  }
  for (size_t begin = 0; begin < rows.size(); begin += kMoveBatch) {
    const size_t end = std::min(rows.size(), begin + kMoveBatch);
    for (size_t i = begin; i < end; ++i) copied.push_back({rows[i].first, rows[i].first});
    copied = Ordered(std::move(copied));
    std::string record = EncodeMove(number, copied);
    absl::Status status = co_await CopyBatch(tools.mailboxes, *mailbox, from->id(), &rows,
                                             begin, end, std::move(record), now);
    if (!status.ok()) co_return status;
  }
  co_return left_behind ? number - 1 : number;
}

}  // namespace restante::store
