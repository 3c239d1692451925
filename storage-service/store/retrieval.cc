#include "storage-service/store/retrieval.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "storage-service/store/mailbox_records.h"
#include "storage-service/store/mailbox_rows.h"

namespace restante::store {
namespace {

// Rows read, and so marked, in one commit.

}  // namespace

Task<absl::Status> MarkRetrieved(engine::Engine* engine, std::shared_ptr<Mailbox> mailbox,
                                 SessionFacts facts, std::vector<UidRange> uids,
                                 absl::Time now) {
  if (uids.empty()) co_return absl::OkStatus();
  if (uids.back().last >= facts.uid_next) {
    co_return MakeError(
        v1::ERROR_REASON_INVALID_REQUEST,
        absl::StrCat("retrieved_uids: ", uids.back().last, " isn't in the session's list"));
  }
  // Nobody may expunge what is read here before it is written again.
  AsyncMutex::Guard guard = co_await mailbox->changes().Lock();
  absl::Status loaded = co_await mailbox->Load();
  if (!loaded.ok()) co_return loaded;
  const Head head = mailbox->durable();
  if (head.uidvalidity != facts.uidvalidity) co_return absl::OkStatus();

  // Of microseconds, as it is stored: the row must lead to its key.
  now = absl::FromUnixMicros(absl::ToUnixMicros(now));
  uint32_t next = head.low_uid;
  while (next != 0) {
    absl::StatusOr<RowScan> scan =
        co_await ScanRuns(engine, mailbox->id(), uids, next, kPageRows);
    if (!scan.ok()) co_return scan.status();
    next = scan->next_uid;
    Change marks;
    for (auto& [uid, row] : scan->rows) {
      if (row.was_retrieved()) continue;
      row.retrieved = now;
      marks.puts.emplace_back(RowKey(uid), Encode(row));
      marks.puts.emplace_back(RetrievedKey(now, uid), std::string());
    }
    if (marks.puts.empty()) continue;
    Mailbox::Plan plan = [marks = std::move(marks)](Head&, Change& change) mutable {
      change = std::move(marks);
      return absl::OkStatus();
    };
    CommitResult result = co_await mailbox->Commit(std::move(plan));
    if (!result.status.ok()) co_return result.status;
  }
  co_return absl::OkStatus();
}

}  // namespace restante::store
