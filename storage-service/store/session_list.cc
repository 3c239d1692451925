#include "storage-service/store/session_list.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "storage-service/store/mailbox_rows.h"

namespace restante::store {
namespace {

// Whether some commit, complete or not, may have expunged rows of the list. Asked
// after rows were read: a row that was missing then has been submitted before.
bool MayHaveLeft(const Mailbox& mailbox, const SessionFacts& facts) {
  return mailbox.submitted().last_expunge_modseq > facts.modseq;
}

bool ComesBefore(const MaildropRow& a, const MaildropRow& b) { return a.uid < b.uid; }

}  // namespace

Task<absl::StatusOr<MaildropRowPage>> ListSession(engine::Engine* engine,
                                                  std::shared_ptr<Mailbox> mailbox,
                                                  SessionFacts facts, uint32_t after_uid,
                                                  size_t limit) {
  std::optional<MaildropRowPage> cached =
      mailbox->CachedPage(facts.modseq, after_uid, facts.uid_next, limit, facts.utf8);
  if (cached) co_return *std::move(cached);

  const Head head = mailbox->durable();
  const uint32_t first = std::max(after_uid == UINT32_MAX ? after_uid : after_uid + 1,
                                  head.low_uid_for(facts.modseq));
  // The first page is read to where the cache can keep it for the next session.
  const bool for_cache =
      first == head.low_uid_for(facts.modseq) && facts.uid_next == head.uid_next;
  const size_t wanted = for_cache ? std::max(limit, RowCache::kMostRows) : limit;

  std::vector<MaildropRow> rows;
  rows.reserve(std::min<uint64_t>(wanted, head.visible_count()));
  std::vector<ListedRow> listed;
  bool more_than_listed = false;
  const auto take = [&](uint32_t uid, const StoredRow& row) {
    if (!row.VisibleAt(facts.modseq)) return;
    ListedRow entry = ListedRow::Of(uid, row);
    rows.push_back(entry.AsMaildropRow(facts.utf8));
    // What was hidden since is in this list, and in no later one.
    if (!for_cache || row.hidden_modseq != 0) return;
    more_than_listed = listed.size() == RowCache::kMostRows;
    if (!more_than_listed) listed.push_back(std::move(entry));
  };
  uint32_t next = first;
  while (next != 0 && rows.size() < wanted) {
    // Where POP3 sees only some of the rows, nobody knows how many are needed.
    const size_t page =
        head.hidden_count > 0 ? kPageRows : std::min(wanted - rows.size(), kPageRows);
    const absl::StatusOr<uint32_t> visited =
        co_await VisitRows(engine, mailbox->id(), next, facts.uid_next, page, take);
    if (!visited.ok()) co_return visited.status();
    next = *visited;
  }
  // All live rows of the list below this UID are in `rows`.
  const uint32_t horizon = next == 0 ? facts.uid_next : next;
  if (for_cache) {
    const uint32_t end = more_than_listed ? listed.back().uid + 1 : horizon;
    mailbox->OfferRows(head, std::move(listed), end);
  }

  if (MayHaveLeft(*mailbox, facts)) {
    absl::StatusOr<std::vector<LeftSince>> left =
        co_await ScanLeftSince(engine, mailbox->id(), facts.modseq);
    if (!left.ok()) co_return left.status();
    const size_t live = rows.size();
    for (const LeftSince& entry : *left) {
      const uint32_t uid = entry.row.uid;
      if (uid <= after_uid || uid >= horizon) continue;
      if (!entry.row.record.row.VisibleAt(facts.modseq)) continue;
      const auto end = rows.begin() + static_cast<ptrdiff_t>(live);
      MaildropRow row = ListedRow::Of(uid, entry.row.record.row).AsMaildropRow(facts.utf8);
      // Expunged between the two reads: it was seen alive.
      if (!std::binary_search(rows.begin(), end, row, ComesBefore))
        rows.push_back(std::move(row));
    }
    std::sort(rows.begin(), rows.end(), ComesBefore);
  }

  MaildropRowPage page;
  page.end = horizon == facts.uid_next && rows.size() <= limit;
  if (rows.size() > limit) rows.resize(limit);
  page.rows = std::move(rows);
  co_return page;
}

Task<absl::StatusOr<std::optional<StoredRow>>> FindInSession(engine::Engine* engine,
                                                             std::shared_ptr<Mailbox> mailbox,
                                                             SessionFacts facts, uint32_t uid) {
  if (uid >= facts.uid_next) co_return std::optional<StoredRow>();
  absl::StatusOr<std::optional<StoredRow>> row = co_await ReadRow(engine, mailbox->id(), uid);
  if (!row.ok()) co_return row;
  if (row->has_value()) {
    if (!(*row)->VisibleAt(facts.modseq)) row->reset();
    co_return row;
  }
  if (!MayHaveLeft(*mailbox, facts)) co_return std::optional<StoredRow>();
  absl::StatusOr<std::optional<LeftRow>> left = co_await FindLeft(engine, mailbox->id(), uid);
  if (!left.ok()) co_return left.status();
  const bool listed = left->has_value() && (*left)->modseq > facts.modseq &&
                      (*left)->record.row.VisibleAt(facts.modseq);
  if (!listed) co_return std::optional<StoredRow>();
  co_return std::optional<StoredRow>(std::move((*left)->record.row));
}

}  // namespace restante::store
