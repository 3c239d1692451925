// The UPDATE state: RFC 1939, section 6.
#include <chrono>
#include <utility>

#include "pop3d/faults.h"
#include "pop3d/replies.h"
#include "pop3d/session.h"

namespace restante::pop3 {
namespace {

// Retrievals are told to the service when they are so many, or so old.
constexpr uint64_t kTellCount = 64;
constexpr std::chrono::minutes kTellInterval(1);

}  // namespace

asio::awaitable<void> Session::Update() {
  Maildrop& maildrop = *maildrop_;
  if (maildrop.marks.empty() || On(Fault::kQuitDeletesNothing)) {
    // Nothing to wait for, but that what RETR has put into the output be sent and
    // count. The lock is freed before the client can come back.
    if (maildrop.retrieved.HasUnsent()) co_await connection_.Flush();
    CloseMaildrop();
    Ok(Text::kLoggingOut);
  } else {
    if (On(Fault::kQuitAnswersFirst)) Ok(Text::kDeleted);
    // Replies to earlier commands needn't wait for the disk.
    co_await connection_.Flush();
    const absl::Status committed = co_await CommitMarks();
    if (On(Fault::kQuitAnswersFirst)) {
      CloseMaildrop();
    } else if (committed.ok() || On(Fault::kQuitHidesFailure)) {
      counters_.deleted = maildrop.marks.count();
      Ok(Text::kDeleted);
    } else {
      // RFC 1939 asks for -ERR if some messages were not removed. All were or none.
      LogSessionError(identity_, "Deletion failed", committed);
      Fail(kSysTempCode, Text::kDeletionFailed);
      CloseMaildrop();
    }
  }
  Close("Logged out");
  co_await connection_.Flush();
}

asio::awaitable<absl::Status> Session::CommitMarks() {
  Maildrop& maildrop = *maildrop_;
  // However many clients QUIT at once, there is one large request on a thread.
  Turnstile::Turn turn;
  if (maildrop.marks.run_count() > MessageMarks::kMaxRuns) {
    LinkPort& link = environment_.link;
    const TimePoint until = link.deadlines().Now() + link.options().operation_timeout;
    const bool got = co_await environment_.large_commits.Wait(link.deadlines(), until, &turn);
    if (!got) co_return absl::DeadlineExceededError("many others delete by as many runs");
  }
  v1::CommitRequest request;
  request.set_close(true);
  std::optional<MessageMarks::Run> run = maildrop.marks.RunFrom(1);
  for (; run.has_value(); run = maildrop.marks.RunFrom(run->last + 1)) {
    if (!run->uids.has_value()) {
      const absl::StatusOr<uint32_t> first = co_await UidOf(run->first);
      if (!first.ok()) co_return first.status();
      const absl::StatusOr<uint32_t> last = co_await UidOf(run->last);
      if (!last.ok()) co_return last.status();
      run->uids = UidRun{*first, *last};
    }
    v1::UidRange& range = *request.add_delete_uids();
    range.set_first(run->uids->first);
    range.set_last(run->uids->last);
  }
  maildrop.retrieved.Settle(connection_.sent_octets());
  maildrop.retrieved.AppendTo(request.mutable_retrieved_uids());
  const absl::StatusOr<v1::CommitResponse> committed =
      co_await environment_.link.Commit(*maildrop.held, std::move(request));
  co_return committed.status();
}

asio::awaitable<absl::StatusOr<uint32_t>> Session::UidOf(uint32_t number) {
  MessageList& list = maildrop_->list;
  const std::optional<MessageList::Row> cached = list.Cached(number);
  if (cached.has_value()) co_return cached->uid;
  const absl::StatusOr<MessageList::Row> row = co_await list.Get(number);
  if (!row.ok()) co_return row.status();
  co_return row->uid;
}

void Session::CloseMaildrop() {
  v1::CloseRequest request;
  maildrop_->retrieved.Settle(connection_.sent_octets());
  maildrop_->retrieved.AppendTo(request.mutable_retrieved_uids());
  maildrop_->held->Close(std::move(request));
}

void Session::Maildrop::NoteRetrieved(uint32_t number, uint32_t uid) {
  if (!remembers_retrieval) return;
  retrieved.Settle(connection.sent_octets());
  retrieved.Add(number, uid, connection.output_end());
  if (!takes_retrievals) return;
  if (retrieved.count() == 0) {
    tell_due.SetAfter(kTellInterval);
  } else if (retrieved.count() >= kTellCount) {
    TellRetrieved();
  }
}

void Session::Maildrop::TellRetrieved() {
  retrieved.Settle(connection.sent_octets());
  if (retrieved.HasUnsent()) tell_due.SetAfter(kTellInterval);
  if (retrieved.count() == 0) return;
  v1::MarkRetrievedRequest request;
  retrieved.AppendTo(request.mutable_retrieved_uids());
  retrieved.Clear();
  held->TellRetrieved(request.retrieved_uids());
}

}  // namespace restante::pop3
