#include "pop3d/link_port.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "asio/post.hpp"
#include "common/config.h"
#include "common/errors.h"
#include "common/grpc_status.h"

namespace restante::pop3 {
namespace {

absl::Status LinkDown() { return absl::UnavailableError("the storage service is away"); }

absl::Status LoginGivenUp() { return absl::CancelledError("the login was given up"); }

absl::Status NoAnswer() {
  return absl::DeadlineExceededError("the storage service didn't answer in time");
}

absl::Status UnexpectedAnswer() {
  return absl::InternalError("the storage service answered another operation");
}

}  // namespace

// An operation under way; in the frame of the coroutine that waits for it.
struct LinkPort::Call {
  enum class Outcome { kAnswered, kUnsent, kBroken, kTimedOut, kCancelled };

  explicit Call(LinkPort& port)
      : deadline(port.deadlines_, [this, &port] {
          port.calls_.erase(id);
          Complete(Outcome::kTimedOut);
        }) {}

  void Complete(Outcome how) {
    outcome = how;
    deadline.Clear();
    wakeup.Notify();
  }

  uint64_t id = 0;
  Outcome outcome = Outcome::kBroken;
  v1::Result result;
  Wakeup wakeup;
  Deadline deadline;
};

// Somebody who waits for the link to come up.
struct LinkPort::LinkWaiter {
  explicit LinkWaiter(Deadlines& deadlines)
      : deadline(deadlines, [this] { wakeup.Notify(); }) {}
  Wakeup wakeup;
  Deadline deadline;
};

void LoginControl::Cancel() {
  cancelled_ = true;
  // The login may end, and this object with it, before this returns.
  absl::AnyInvocable<void()> give_up = std::exchange(give_up_, nullptr);
  if (give_up) give_up();
}

LinkPort::LinkPort(uint32_t index, asio::io_context& context, Deadlines& deadlines,
                   const LinkOptions& options, v1::MessagesService::Stub& messages)
    : index_(index),
      context_(context),
      deadlines_(deadlines),
      options_(options),
      messages_(messages),
      read_slots_(context, deadlines),
      next_id_(index) {}

LinkPort::~LinkPort() = default;

asio::awaitable<absl::StatusOr<LinkPort::OpenedMaildrop>> LinkPort::Login(
    v1::LoginRequest request, LoginControl* control) {
  const TimePoint start = deadlines_.Now();
  const TimeSpan for_lock = absl::ToChronoNanoseconds(FromProto(request.options().lock_wait()));
  while (true) {
    const bool up = co_await WaitUntilUp(start + options_.link_wait);
    if (control != nullptr && control->cancelled_) co_return LoginGivenUp();
    if (!up) co_return LinkDown();
    v1::Operation operation;
    *operation.mutable_login() = request;
    Call call(*this);
    if (control != nullptr) {
      control->give_up_ = [this, &call] {
        calls_.erase(call.id);
        call.Complete(Call::Outcome::kCancelled);
      };
    }
    co_await Exchange(std::move(operation), call,
                      start + options_.operation_timeout + for_lock);
    if (control != nullptr) control->give_up_ = nullptr;
    if (call.outcome == Call::Outcome::kCancelled || call.outcome == Call::Outcome::kTimedOut) {
      // If it has succeeded by then, TakeResult closes the maildrop.
      SendCancelLogin(call.id);
    }
    if (call.outcome == Call::Outcome::kCancelled) co_return LoginGivenUp();
    if (call.outcome == Call::Outcome::kUnsent) continue;
    if (call.outcome == Call::Outcome::kBroken) co_return LinkDown();
    if (call.outcome == Call::Outcome::kTimedOut) co_return NoAnswer();
    if (call.result.has_error()) co_return FromRpcStatus(call.result.error());
    if (!call.result.has_login()) co_return UnexpectedAnswer();
    OpenedMaildrop opened;
    opened.response = std::move(*call.result.mutable_login());
    opened.held =
        std::make_unique<HeldMaildrop>(*this, opened.response.session().session_token());
    co_return std::move(opened);
  }
}

asio::awaitable<absl::StatusOr<v1::RowsResponse>> LinkPort::Rows(HeldMaildrop& maildrop,
                                                                 uint32_t after_uid,
                                                                 uint32_t limit) {
  v1::Operation operation;
  v1::RowsRequest& request = *operation.mutable_rows();
  request.set_session_token(maildrop.session_token());
  request.set_after_uid(after_uid);
  request.set_limit(limit);
  const TimePoint deadline = deadlines_.Now() + options_.operation_timeout;
  absl::StatusOr<v1::Result> result = co_await Repeat(maildrop, operation, deadline);
  if (!result.ok()) co_return result.status();
  if (!result->has_rows()) co_return UnexpectedAnswer();
  co_return std::move(*result->mutable_rows());
}

asio::awaitable<absl::StatusOr<v1::CommitResponse>> LinkPort::Commit(
    HeldMaildrop& maildrop, v1::CommitRequest request) {
  v1::Operation operation;
  *operation.mutable_commit() = std::move(request);
  operation.mutable_commit()->set_session_token(maildrop.session_token());
  operation.mutable_commit()->mutable_retrieved_uids()->MergeFrom(maildrop.untold_);
  const TimePoint deadline = deadlines_.Now() + options_.operation_timeout;
  absl::StatusOr<v1::Result> result = co_await Repeat(maildrop, operation, deadline);
  if (!result.ok()) co_return result.status();
  if (!result->has_commit()) co_return UnexpectedAnswer();
  if (operation.commit().close()) maildrop.Forget();
  co_return std::move(*result->mutable_commit());
}

asio::awaitable<absl::StatusOr<v1::Result>> LinkPort::Repeat(HeldMaildrop& maildrop,
                                                             const v1::Operation& operation,
                                                             TimePoint deadline) {
  bool was_sent = false;
  while (true) {
    const absl::Status held = co_await WaitUntilHeld(maildrop, deadline);
    if (!held.ok()) {
      // The reason would say that nothing was done, and that isn't known.
      if (was_sent) co_return absl::UnavailableError(held.message());
      co_return held;
    }
    Call call(*this);
    co_await Exchange(operation, call, deadline);
    switch (call.outcome) {
      case Call::Outcome::kUnsent:
        break;
      case Call::Outcome::kBroken:
        was_sent = true;
        break;
      case Call::Outcome::kTimedOut:
      case Call::Outcome::kCancelled:  // of logins only
        co_return NoAnswer();
      case Call::Outcome::kAnswered:
        if (!call.result.has_error()) co_return std::move(call.result);
        absl::Status error = FromRpcStatus(call.result.error());
        if (ReasonOf(error) == v1::ERROR_REASON_LEASE_LOST) maildrop.status_ = error;
        if (was_sent) co_return absl::UnavailableError(error.message());
        co_return error;
    }
  }
}

asio::awaitable<void> LinkPort::Exchange(v1::Operation operation, Call& call,
                                         TimePoint deadline) {
  call.id = Send(std::move(operation));
  calls_.emplace(call.id, &call);
  call.deadline.Set(deadline);
  co_await call.wakeup.Wait();
}

asio::awaitable<bool> LinkPort::WaitUntilUp(TimePoint deadline) {
  if (stream_ != nullptr) co_return true;
  LinkWaiter waiter(deadlines_);
  waiter.deadline.Set(deadline);
  link_waiters_.push_back(&waiter);
  co_await waiter.wakeup.Wait();
  std::erase(link_waiters_, &waiter);
  co_return stream_ != nullptr;
}

asio::awaitable<absl::Status> LinkPort::WaitUntilHeld(HeldMaildrop& maildrop,
                                                      TimePoint deadline) {
  const auto held = [&] { return stream_ != nullptr && maildrop.held_on_ == stream_number_; };
  if (maildrop.status_.ok() && !held()) {
    LinkWaiter waiter(deadlines_);
    waiter.deadline.Set(deadline);
    maildrop.waiting_ = &waiter.wakeup;
    while (maildrop.status_.ok() && !held() && deadlines_.Now() < deadline) {
      co_await waiter.wakeup.Wait();
    }
    maildrop.waiting_ = nullptr;
  }
  if (!maildrop.status_.ok()) co_return maildrop.status_;
  if (!held()) co_return LinkDown();
  co_return absl::OkStatus();
}

uint64_t LinkPort::Send(v1::Operation operation) {
  next_id_ += kIdStep;
  operation.set_id(next_id_);
  stream_->Enqueue(std::move(operation));
  if (!flush_posted_) {
    flush_posted_ = true;
    // Behind everything that is ready now: what that adds leaves with it.
    asio::post(context_, [this] {
      flush_posted_ = false;
      if (stream_ != nullptr) stream_->Flush();
    });
  }
  return next_id_;
}

void LinkPort::SendCancelLogin(uint64_t id) {
  if (stream_ == nullptr) return;
  v1::Operation operation;
  operation.mutable_cancel_login()->set_id(id);
  Send(std::move(operation));
}

void LinkPort::SendResume(HeldMaildrop& maildrop) {
  v1::Operation operation;
  operation.mutable_resume()->set_session_token(maildrop.session_token_);
  maildrop.resume_id_ = Send(std::move(operation));
  resuming_.emplace(maildrop.resume_id_, &maildrop);
}

void LinkPort::Deliver(std::vector<v1::Result>* results) {
  absl::MutexLock lock(&inbox_mutex_);
  if (inbox_.empty()) {
    inbox_.swap(*results);
  } else {
    inbox_.insert(inbox_.end(), std::make_move_iterator(results->begin()),
                  std::make_move_iterator(results->end()));
  }
  results->clear();
  if (inbox_posted_) return;
  inbox_posted_ = true;
  asio::post(context_, [this] { TakeInbox(); });
}

void LinkPort::TakeInbox() {
  std::vector<v1::Result> results;
  {
    absl::MutexLock lock(&inbox_mutex_);
    results.swap(inbox_);
    inbox_posted_ = false;
  }
  for (v1::Result& result : results) TakeResult(result);
}

void LinkPort::TakeResult(v1::Result& result) {
  if (const auto found = calls_.find(result.id()); found != calls_.end()) {
    Call& call = *found->second;
    calls_.erase(found);
    call.result = std::move(result);
    call.Complete(Call::Outcome::kAnswered);
  } else if (const auto found = resuming_.find(result.id()); found != resuming_.end()) {
    HeldMaildrop& maildrop = *found->second;
    resuming_.erase(found);
    maildrop.resume_id_ = 0;
    TakeResumeResult(maildrop, result);
  } else if (const auto found = telling_.find(result.id()); found != telling_.end()) {
    HeldMaildrop& maildrop = *found->second;
    telling_.erase(found);
    maildrop.TakeToldResult(result.has_mark_retrieved());
  } else if (closing_.erase(result.id()) > 0) {
    return;
  } else if (result.has_login()) {
    // Nobody waits for this login any more, and nobody would free its lock.
    SendClose(result.login().session().session_token());
  }
}

void LinkPort::TakeResumeResult(HeldMaildrop& maildrop, const v1::Result& result) {
  if (result.has_resume()) {
    maildrop.held_on_ = stream_number_;
    maildrop.SendUntold();
  } else {
    maildrop.status_ = result.has_error() ? FromRpcStatus(result.error()) : UnexpectedAnswer();
    if (maildrop.status_.ok()) maildrop.status_ = UnexpectedAnswer();
  }
  if (maildrop.waiting_ != nullptr) {
    maildrop.waiting_->Notify();
  } else if (!maildrop.status_.ok() && maildrop.on_lost_) {
    maildrop.on_lost_();
  }
}

void LinkPort::PostUp(std::shared_ptr<ExchangeStream> stream) {
  asio::post(context_,
             [this, stream = std::move(stream)]() mutable { ComeUp(std::move(stream)); });
}

void LinkPort::PostDown(std::vector<uint64_t> unsent) {
  asio::post(context_, [this, unsent = std::move(unsent)] { GoDown(unsent); });
}

void LinkPort::PostAnnouncement(const v1::Pop3Announcement& announcement) {
  asio::post(context_, [this, announcement] { announcement_ = announcement; });
}

void LinkPort::ComeUp(std::shared_ptr<ExchangeStream> stream) {
  stream_ = std::move(stream);
  ++stream_number_;
  for (HeldMaildrop* maildrop : held_) SendResume(*maildrop);
  for (v1::CloseRequest& request : std::exchange(last_words_, {})) {
    const std::string token = request.session_token();
    SendClose(token, std::move(request));
  }
  for (LinkWaiter* waiter : std::exchange(link_waiters_, {})) waiter->wakeup.Notify();
}

void LinkPort::GoDown(const std::vector<uint64_t>& unsent) {
  stream_.reset();
  resuming_.clear();
  telling_.clear();
  for (HeldMaildrop* maildrop : held_) maildrop->tell_id_ = 0;
  for (auto& [id, request] : std::exchange(closing_, {})) KeepLastWords(std::move(request));
  const absl::flat_hash_set<uint64_t> never_left(unsent.begin(), unsent.end());
  for (const auto& [id, call] : std::exchange(calls_, {})) {
    call->Complete(never_left.contains(id) ? Call::Outcome::kUnsent : Call::Outcome::kBroken);
  }
}

}  // namespace restante::pop3
