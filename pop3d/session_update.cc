// The UPDATE state: RFC 1939, section 6.
#include <utility>

#include "pop3d/faults.h"
#include "pop3d/replies.h"
#include "pop3d/session.h"

namespace restante::pop3 {

asio::awaitable<void> Session::Update() {
  Maildrop& maildrop = *maildrop_;
  if (maildrop.marks.empty() || On(Fault::kQuitDeletesNothing)) {
    // Nothing to wait for, but that what RETR has put into the output be sent and
    // count. The lock is freed before the client can come back.
    if (maildrop.retrieved.HasUnsent()) co_await connection_.Flush();
    CloseMaildrop();
    Ok(Text::kLoggingOut);
  } else {
    v1::CommitRequest request;
    request.set_close(true);
    for (const UidRun& run : maildrop.marks.UidRuns()) {
      v1::UidRange& range = *request.add_delete_uids();
      range.set_first(run.first);
      range.set_last(run.last);
    }
    if (On(Fault::kQuitAnswersFirst)) Ok(Text::kDeleted);
    // Replies to earlier commands needn't wait for the disk.
    co_await connection_.Flush();
    maildrop.retrieved.Settle(connection_.sent_octets());
    maildrop.retrieved.AppendTo(request.mutable_retrieved_uids());
    const absl::StatusOr<v1::CommitResponse> committed =
        co_await environment_.link.Commit(*maildrop.held, std::move(request));
    if (On(Fault::kQuitAnswersFirst)) {
      CloseMaildrop();
    } else if (committed.ok() || On(Fault::kQuitHidesFailure)) {
      counters_.deleted = maildrop.marks.count();
      Ok(Text::kDeleted);
    } else {
      // RFC 1939 asks for -ERR if some messages were not removed. All were or none.
      LogSessionError(identity_, "Deletion failed", committed.status());
      Fail(kSysTempCode, Text::kDeletionFailed);
      CloseMaildrop();
    }
  }
  Close("Logged out");
  co_await connection_.Flush();
}

void Session::CloseMaildrop() {
  v1::CloseRequest request;
  maildrop_->retrieved.Settle(connection_.sent_octets());
  maildrop_->retrieved.AppendTo(request.mutable_retrieved_uids());
  maildrop_->held->Close(std::move(request));
}

}  // namespace restante::pop3
