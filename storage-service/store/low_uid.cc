#include "storage-service/store/low_uid.h"

#include <algorithm>

#include "storage-service/store/mailbox_rows.h"

namespace restante::store {
namespace {

Task<absl::StatusOr<uint32_t>> Lowest(engine::Engine* engine, MailboxId mailbox, uint32_t first,
                                      uint32_t end, const std::vector<UidRange>* gone,
                                      bool visible) {
  size_t run = 0;
  uint32_t next = first;
  while (next != 0) {
    absl::StatusOr<RowScan> scan = co_await ScanRows(engine, mailbox, next, end, kPageRows);
    if (!scan.ok()) co_return scan.status();
    for (const auto& [uid, row] : scan->rows) {
      if (visible && row.hidden_modseq != 0) continue;
      while (run < gone->size() && (*gone)[run].last < uid) ++run;
      if (run == gone->size() || uid < (*gone)[run].first) co_return uid;
    }
    next = scan->next_uid;
    // Inside a run nothing stays.
    if (next != 0 && run < gone->size() && (*gone)[run].first <= next) {
      next = std::max(next, (*gone)[run].last + 1);
    }
  }
  co_return end;
}

}  // namespace

void LowUids::RaiseIn(Head& head) const {
  head.low_uid = std::max(head.low_uid, any);
  head.low_visible_uid = std::max(head.low_visible_uid, visible);
}

Task<absl::StatusOr<LowUids>> LowestWithout(engine::Engine* engine, MailboxId mailbox,
                                            Head head, std::vector<UidRange> gone,
                                            bool only_for_pop3) {
  LowUids low{head.low_uid, head.low_visible_uid};
  if (!only_for_pop3) {
    absl::StatusOr<uint32_t> any =
        co_await Lowest(engine, mailbox, head.low_uid, head.uid_next, &gone, false);
    if (!any.ok()) co_return any.status();
    low.any = low.visible = *any;
    // Without hidden rows it is the same.
    if (head.hidden_count == 0) co_return low;
  }
  const uint32_t first = std::max(head.low_uid, head.low_visible_uid);
  absl::StatusOr<uint32_t> visible =
      co_await Lowest(engine, mailbox, first, head.uid_next, &gone, true);
  if (!visible.ok()) co_return visible.status();
  low.visible = *visible;
  co_return low;
}

}  // namespace restante::store
