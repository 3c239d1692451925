// The UPDATE state: RFC 1939, section 6.
#include <utility>

#include "pop3d/replies.h"
#include "pop3d/session.h"

namespace restante::pop3 {

asio::awaitable<void> Session::Update() {
  Maildrop& maildrop = *maildrop_;
  if (maildrop.marks.empty()) {
    // Nothing to wait for. The lock is freed before the client can come back.
    maildrop.held->Close();
    AppendOk("Logging out.", &out());
  } else {
    v1::CommitRequest request;
    request.set_close(true);
    for (const UidRun& run : maildrop.marks.UidRuns()) {
      v1::UidRange& range = *request.add_delete_uids();
      range.set_first(run.first);
      range.set_last(run.last);
    }
    // Replies to earlier commands needn't wait for the disk.
    co_await connection_.Flush();
    const absl::StatusOr<v1::CommitResponse> committed =
        co_await environment_.link.Commit(*maildrop.held, std::move(request));
    if (committed.ok()) {
      counters_.deleted = maildrop.marks.count();
      AppendOk("Logging out, messages deleted.", &out());
    } else {
      // RFC 1939 asks for -ERR if some messages were not removed. All were or none.
      LogSessionError(identity_, "Deletion failed", committed.status());
      AppendError(kSysTempCode, "Deletion failed, please try again later.", &out());
      maildrop.held->Close();
    }
  }
  Close("Logged out");
  co_await connection_.Flush();
}

}  // namespace restante::pop3
