#include "storage-service/store/undelete.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/delivery.h"
#include "storage-service/store/mailbox_rows.h"
#include "storage-service/store/row_addition.h"

namespace restante::store {
namespace {

absl::Status NotAmongDeleted(uint32_t uid) {
  return MakeError(
      v1::ERROR_REASON_NO_SUCH_MESSAGE,
      absl::StrCat("UID ", uid, " isn't among the deleted messages that can be brought back"));
}

// Rows that hold their bodies still, page by page, from a place on.
class LeftRows {
 public:
  LeftRows(engine::Engine* engine, const Mailbox& mailbox, ModseqAndUid after)
      : engine_(engine), mailbox_(mailbox.id()) {
    // What was reclaimed has left tombstones, which are slow to walk over.
    const uint64_t reclaimed = mailbox.durable().reclaimed_modseq;
    const bool within = after.uid > 0 && after.modseq > reclaimed;
    begin_ = within ? ModseqKey(kExpungedPrefix, after.modseq, after.uid) + '\0'
                    : ModseqKey(kExpungedPrefix, std::max(after.modseq, reclaimed) + 1, 0);
  }

  bool AtEnd() const { return begin_.empty(); }

  Task<absl::StatusOr<std::vector<LeftRow>>> Next() {
    absl::StatusOr<engine::ScanPage> page =
        co_await ScanKeys(engine_, mailbox_, begin_, EndOf(kExpungedPrefix), kPageRows);
    if (!page.ok()) co_return page.status();
    begin_ = std::move(page->next);
    std::vector<LeftRow> rows;
    for (const auto& [key, value] : page->entries) {
      absl::StatusOr<ModseqAndUid> place = ParseModseqKey(key);
      if (!place.ok()) co_return place.status();
      absl::StatusOr<ExpungedRow> record = DecodeExpunged(value);
      if (!record.ok()) co_return record.status();
      rows.push_back({place->modseq, place->uid, *std::move(record)});
    }
    co_return rows;
  }

 private:
  engine::Engine* const engine_;
  const MailboxId mailbox_;
  std::string begin_;
};

// The reclaimer erases bodies before it removes their rows, and may have been cut
// short in between.
Task<absl::StatusOr<bool>> BodyIsThere(engine::Engine* engine, StoredRow row) {
  if (row.body_octets() == 0) co_return true;
  using Octets = absl::StatusOr<std::string>;
  Octets last = co_await Await<Octets>([&](Done<Octets> done) {
    engine->ReadBody(row.body, row.body_octets() - 1, 1, std::move(done));
  });
  if (absl::IsNotFound(last.status())) co_return false;
  if (!last.ok()) co_return last.status();
  co_return last->size() == 1;
}

absl::Status CheckUids(std::vector<uint32_t> uids) {
  if (uids.empty() || uids.size() > kMostUndeletions) {
    return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                     absl::StrCat("uids: there are ", uids.size(), "; 1 to ", kMostUndeletions,
                                  " are taken"));
  }
  std::sort(uids.begin(), uids.end());
  const auto twice = std::adjacent_find(uids.begin(), uids.end());
  if (twice == uids.end()) return absl::OkStatus();
  return MakeError(v1::ERROR_REASON_INVALID_REQUEST,
                   absl::StrCat("uids: ", *twice, " is named twice"));
}

// A message that is to come back: expunged, or hidden in its place.
struct Returning {
  LeftRow left;
  bool hidden = false;
};

Task<absl::StatusOr<std::optional<Returning>>> FindReturning(engine::Engine* engine,
                                                             MailboxId mailbox, uint32_t uid,
                                                             absl::Time oldest) {
  absl::StatusOr<std::optional<LeftRow>> left = co_await FindLeft(engine, mailbox, uid);
  if (!left.ok()) co_return left.status();
  if (left->has_value()) {
    if ((*left)->record.expunged <= oldest) co_return std::nullopt;
    co_return Returning{**std::move(left), false};
  }
  absl::StatusOr<std::optional<StoredRow>> row = co_await ReadRow(engine, mailbox, uid);
  if (!row.ok()) co_return row.status();
  if (!row->has_value() || (*row)->hidden_modseq == 0) co_return std::nullopt;
  Returning hidden;
  hidden.left.uid = uid;
  hidden.left.record.row = **std::move(row);
  hidden.hidden = true;
  co_return hidden;
}

// The commit: each row leaves its place, and comes back under a new UID.
struct Return {
  QuotaClaim quota;
  MailboxId mailbox;
  std::vector<Returning> rows;  // by UID
  absl::Time now;

  // The new UID of the first; the others follow it.
  absl::StatusOr<uint32_t> Apply(Head& head, Change& change) {
    RowTotals totals;
    RowTotals hidden;  // which count already
    for (const Returning& row : rows) {
      totals.Add(row.left.record.row.AsNew(now));
      if (row.hidden) hidden.Add(row.left.record.row);
    }
    const absl::Status fits =
        quota.Claim(mailbox, {head.octets - hidden.octets + totals.octets,
                              head.message_count - hidden.messages + totals.messages});
    if (!fits.ok()) return fits;
    if (UINT32_MAX - head.uid_next < rows.size()) {
      return MakeError(v1::ERROR_REASON_STORE_FULL, "the mailbox has used up its UIDs");
    }
    const uint32_t first = head.uid_next;
    const uint64_t modseq = ++head.highest_modseq;
    hidden.RemoveFrom(head);
    for (auto& [left, was_hidden] : rows) {
      const uint32_t uid = head.uid_next++;
      StoredRow row = left.record.row.AsNew(now);
      row.modseq = modseq;
      if (was_hidden) {
        TakeOut(left, change);
        left.modseq = modseq;
        left.record.expunged = now;
        head.last_expunge_modseq = modseq;
        if (left.uid >= head.recent_from_uid) --head.recent_count;
      } else {
        change.deletes.push_back(ModseqKey(kExpungedPrefix, left.modseq, left.uid));
        change.deletes.push_back(ExpungedUidKey(left.uid));
      }
      change.puts.emplace_back(ModseqKey(kTombstonePrefix, left.modseq, left.uid),
                               Encode(left.record));
      AddRow(row, uid, change);
    }
    totals.AddNewTo(head, first);
    head.tombstone_count += rows.size();
    return first;
  }

  static void TakeOut(const LeftRow& left, Change& change) {
    const StoredRow& row = left.record.row;
    change.deletes.push_back(RowKey(left.uid));
    change.deletes.push_back(ModseqKey(kChangePrefix, row.modseq, left.uid));
    if (row.was_retrieved()) change.deletes.push_back(RetrievedKey(row.retrieved, left.uid));
    change.removed.push_back(left.uid);
  }
};

}  // namespace

Task<absl::StatusOr<ExpungedPage>> ListExpungedRows(engine::Engine* engine,
                                                    std::shared_ptr<Mailbox> mailbox,
                                                    ModseqAndUid after, size_t limit,
                                                    absl::Time oldest) {
  ExpungedPage page;
  LeftRows left(engine, *mailbox, after);
  while (!left.AtEnd()) {
    absl::StatusOr<std::vector<LeftRow>> rows = co_await left.Next();
    if (!rows.ok()) co_return rows.status();
    for (const LeftRow& row : *rows) {
      if (row.record.expunged <= oldest) continue;
      if (page.messages.size() == limit) co_return page;
      ExpungedMessage& message = page.messages.emplace_back();
      message.row = row.record.row.AsMessage(row.uid);
      message.row.modseq = row.modseq;
      message.expunged = row.record.expunged;
    }
  }
  page.end = true;
  co_return page;
}

Task<absl::StatusOr<std::vector<UndeletedMessage>>> UndeleteRows(
    engine::Engine* engine, Bodies* bodies, QuotaClaim quota, std::shared_ptr<Mailbox> mailbox,
    std::vector<uint32_t> uids, absl::Time now, absl::Time oldest) {
  absl::Status legal = CheckUids(uids);
  if (!legal.ok()) co_return legal;
  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  Return back{std::move(quota), mailbox->id(), {}, now};
  // Others may share a body and give it up just now.
  std::vector<Bodies::Hold> holds;
  for (const uint32_t uid : uids) {
    absl::StatusOr<std::optional<Returning>> found =
        co_await FindReturning(engine, mailbox->id(), uid, oldest);
    if (!found.ok()) co_return found.status();
    if (!found->has_value()) co_return NotAmongDeleted(uid);
    holds.emplace_back(bodies, (*found)->left.record.row.body);
    absl::StatusOr<bool> there = co_await BodyIsThere(engine, (*found)->left.record.row);
    if (!there.ok()) co_return there.status();
    if (!*there) co_return NotAmongDeleted(uid);
    back.rows.push_back(**std::move(found));
  }
  std::sort(back.rows.begin(), back.rows.end(),
            [](const Returning& a, const Returning& b) { return a.left.uid < b.left.uid; });

  uint32_t first = 0;
  Mailbox::Plan plan = [&back, &first](Head& head, Change& change) -> absl::Status {
    absl::StatusOr<uint32_t> applied = back.Apply(head, change);
    if (applied.ok()) first = *applied;
    return applied.status();
  };
  CommitResult result = co_await mailbox->Commit(std::move(plan));
  if (!result.status.ok()) co_return result.status;

  absl::flat_hash_map<uint32_t, UndeletedMessage> undeleted;
  for (const auto& [left, hidden] : back.rows) {
    // The old references stand for nothing any more; should this be lost, whoever
    // looks at them finds that out.
    engine->RemoveReference(left.record.row.body, {mailbox->id(), left.uid},
                            [](absl::Status) {});
    undeleted[left.uid] = {left.uid, first++, left.record.row.Uidl()};
  }
  std::vector<UndeletedMessage> answer;
  for (const uint32_t uid : uids) answer.push_back(undeleted[uid]);
  co_return answer;
}

}  // namespace restante::store
