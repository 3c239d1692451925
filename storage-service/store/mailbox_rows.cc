#include "storage-service/store/mailbox_rows.h"

#include <algorithm>
#include <string>

namespace restante::store {
namespace {

using Value = absl::StatusOr<std::optional<std::string>>;

constexpr size_t kPageEntries = 1024;

}  // namespace

Task<absl::StatusOr<std::optional<Head>>> ReadHead(engine::Engine* engine, MailboxId mailbox) {
  Value value = co_await Await<Value>([&](Done<Value> done) {
    engine->Get(MailboxShard(mailbox), HeadKey(), std::move(done));
  });
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return std::optional<Head>();
  absl::StatusOr<Head> head = DecodeHead(**value);
  if (!head.ok()) co_return head.status();
  co_return std::optional<Head>(*head);
}

Task<absl::StatusOr<std::optional<StoredRow>>> ReadRow(engine::Engine* engine,
                                                       MailboxId mailbox, uint32_t uid) {
  Value value = co_await Await<Value>([&](Done<Value> done) {
    engine->Get(MailboxShard(mailbox), RowKey(uid), std::move(done));
  });
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return std::optional<StoredRow>();
  absl::StatusOr<StoredRow> row = DecodeRow(**value);
  if (!row.ok()) co_return row.status();
  co_return std::optional<StoredRow>(*std::move(row));
}

Task<absl::StatusOr<engine::ScanPage>> ScanKeys(engine::Engine* engine, MailboxId mailbox,
                                                std::string begin, std::string end,
                                                size_t max_entries) {
  engine::ScanRequest request;
  request.shard = MailboxShard(mailbox);
  request.begin = std::move(begin);
  request.end = std::move(end);
  request.max_entries = max_entries;
  using Page = absl::StatusOr<engine::ScanPage>;
  Page page = co_await Await<Page>(
      [&](Done<Page> done) { engine->Scan(std::move(request), std::move(done)); });
  co_return page;
}

Task<absl::StatusOr<uint32_t>> VisitRows(engine::Engine* engine, MailboxId mailbox,
                                         uint32_t first_uid, uint32_t end_uid, size_t limit,
                                         RowVisitor visitor) {
  if (first_uid >= end_uid || limit == 0) co_return uint32_t{0};
  absl::StatusOr<engine::ScanPage> page =
      co_await ScanKeys(engine, mailbox, RowKey(first_uid), RowKey(end_uid), limit);
  if (!page.ok()) co_return page.status();
  uint32_t last = 0;
  StoredRow row;
  for (const auto& [key, value] : page->entries) {
    absl::StatusOr<uint32_t> uid = ParseRowKey(key);
    if (!uid.ok()) co_return uid.status();
    absl::Status decoded = DecodeRow(value, row);
    if (!decoded.ok()) co_return decoded;
    last = *uid;
    visitor(last, row);
  }
  const bool more = !page->next.empty() && last != 0 && last + 1 < end_uid;
  co_return more ? last + 1 : uint32_t{0};
}

Task<absl::StatusOr<uint32_t>> VisitRuns(engine::Engine* engine, MailboxId mailbox,
                                         std::vector<UidRange> runs, uint32_t first_uid,
                                         size_t limit, RowVisitor visitor) {
  const auto ends_before = [](const UidRange& run, uint32_t uid) { return run.last < uid; };
  auto run = std::lower_bound(runs.begin(), runs.end(), first_uid, ends_before);
  if (run == runs.end()) co_return uint32_t{0};
  const auto visit_those_in_runs = [&](uint32_t uid, StoredRow& row) {
    while (run->last < uid) ++run;  // there is one: the scan ends with the last
    if (uid >= run->first) visitor(uid, row);
  };
  const absl::StatusOr<uint32_t> next =
      co_await VisitRows(engine, mailbox, std::max(first_uid, run->first), runs.back().last + 1,
                         limit, visit_those_in_runs);
  if (!next.ok() || *next == 0) co_return next;
  run = std::lower_bound(run, runs.end(), *next, ends_before);
  co_return std::max(*next, run->first);
}

Task<absl::StatusOr<RowScan>> ScanRows(engine::Engine* engine, MailboxId mailbox,
                                       uint32_t first_uid, uint32_t end_uid, size_t limit) {
  RowScan scan;
  const auto keep = [&scan](uint32_t uid, StoredRow& row) {
    scan.rows.emplace_back(uid, std::move(row));
  };
  const absl::StatusOr<uint32_t> next =
      co_await VisitRows(engine, mailbox, first_uid, end_uid, limit, keep);
  if (!next.ok()) co_return next.status();
  scan.next_uid = *next;
  co_return scan;
}

Task<absl::StatusOr<RowScan>> ScanRuns(engine::Engine* engine, MailboxId mailbox,
                                       std::vector<UidRange> runs, uint32_t first_uid,
                                       size_t limit) {
  RowScan scan;
  const auto keep = [&scan](uint32_t uid, StoredRow& row) {
    scan.rows.emplace_back(uid, std::move(row));
  };
  const absl::StatusOr<uint32_t> next =
      co_await VisitRuns(engine, mailbox, std::move(runs), first_uid, limit, keep);
  if (!next.ok()) co_return next.status();
  scan.next_uid = *next;
  co_return scan;
}

Task<absl::StatusOr<std::vector<LeftRow>>> ScanLeft(engine::Engine* engine, MailboxId mailbox,
                                                    char prefix, uint64_t after_modseq,
                                                    size_t limit) {
  std::vector<LeftRow> rows;
  std::string begin = ModseqKey(prefix, after_modseq + 1, 0);
  const std::string end = EndOf(prefix);
  while (!begin.empty() && rows.size() < limit) {
    const size_t entries = std::min(limit - rows.size(), kPageEntries);
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine, mailbox, begin, end, entries);
    if (!page.ok()) co_return page.status();
    for (const auto& [key, value] : page->entries) {
      absl::StatusOr<ModseqAndUid> place = ParseModseqKey(key);
      if (!place.ok()) co_return place.status();
      absl::StatusOr<ExpungedRow> record = DecodeExpunged(value);
      if (!record.ok()) co_return record.status();
      rows.push_back({place->modseq, place->uid, *std::move(record)});
    }
    begin = std::move(page->next);
  }
  co_return rows;
}

Task<absl::StatusOr<std::optional<LeftRow>>> FindLeft(engine::Engine* engine, MailboxId mailbox,
                                                      uint32_t uid) {
  Value place = co_await Await<Value>([&](Done<Value> done) {
    engine->Get(MailboxShard(mailbox), ExpungedUidKey(uid), std::move(done));
  });
  if (!place.ok()) co_return place.status();
  if (!place->has_value()) co_return std::optional<LeftRow>();
  absl::StatusOr<uint64_t> modseq = ParseModseqValue(**place);
  if (!modseq.ok()) co_return modseq.status();
  Value value = co_await Await<Value>([&](Done<Value> done) {
    engine->Get(MailboxShard(mailbox), ModseqKey(kExpungedPrefix, *modseq, uid),
                std::move(done));
  });
  if (!value.ok()) co_return value.status();
  if (!value->has_value()) co_return std::optional<LeftRow>();  // reclaimed in between
  absl::StatusOr<ExpungedRow> record = DecodeExpunged(**value);
  if (!record.ok()) co_return record.status();
  co_return std::optional<LeftRow>(LeftRow{*modseq, uid, *std::move(record)});
}

Task<absl::StatusOr<std::vector<LeftSince>>> ScanLeftSince(engine::Engine* engine,
                                                           MailboxId mailbox,
                                                           uint64_t after_modseq) {
  // A row moves from the first prefix to the second: in this order none is missed.
  std::vector<LeftSince> left;
  for (const char prefix : {kExpungedPrefix, kTombstonePrefix}) {
    absl::StatusOr<std::vector<LeftRow>> rows =
        co_await ScanLeft(engine, mailbox, prefix, after_modseq);
    if (!rows.ok()) co_return rows.status();
    for (LeftRow& row : *rows) {
      left.push_back({std::move(row), prefix == kTombstonePrefix});
    }
  }
  std::stable_sort(left.begin(), left.end(), [](const LeftSince& a, const LeftSince& b) {
    return a.row.uid < b.row.uid;
  });
  const auto last = std::unique(
      left.begin(), left.end(),
      [](const LeftSince& a, const LeftSince& b) { return a.row.uid == b.row.uid; });
  left.erase(last, left.end());
  co_return left;
}

}  // namespace restante::store
