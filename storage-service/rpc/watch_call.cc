#include "storage-service/rpc/watch_call.h"

#include <utility>

#include "common/grpc_status.h"
#include "storage-service/rpc/convert_mailboxes.h"
#include "storage-service/rpc/request_id.h"

namespace restante::rpc {

void WatchCall::Serve(ServiceContext& context, v1::MailboxesService::AsyncService& methods) {
  std::shared_ptr<WatchCall> call(new WatchCall(context, methods));
  call->self_ = call;
  call->call_.AsyncNotifyWhenDone(&call->done_tag_);
  methods.RequestWatchMailboxes(&call->call_, &call->request_, &call->stream_, context.queue,
                                context.queue, &call->call_tag_);
}

WatchCall::WatchCall(ServiceContext& context, v1::MailboxesService::AsyncService& methods)
    : context_(context), methods_(methods), stream_(&call_) {}

void WatchCall::OnCall(bool ok) {
  if (!ok) {  // the server shuts down
    self_.reset();
    return;
  }
  hold_ = context_.work.Begin();
  Serve(context_, methods_);
  context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
  request_id_ = RequestIdOf(call_, request_);
  {
    absl::MutexLock lock(&mutex_);
    tags_out_ = 1;  // done_tag_
  }
  // May end the call at once.
  context_.streams.Add(this);
  Spawn<absl::Status>(Run(),
                      [call = shared_from_this()](absl::Status status) { call->End(status); });
}

Task<absl::Status> WatchCall::Run() {
  std::string address = request_.address();
  store::WatchRequest request = FromProto(request_);
  absl::StatusOr<std::unique_ptr<store::MailboxWatch>> made =
      co_await context_.store.mailboxes().Watch(std::move(address), std::move(request));
  if (!made.ok()) co_return made.status();
  const std::shared_ptr<store::MailboxWatch> watch = *std::move(made);
  bool wanted = Keep(watch);
  while (wanted) {
    absl::StatusOr<store::WatchNews> news = co_await watch->Next();
    if (!news.ok()) co_return news.status();
    v1::WatchMailboxesResponse response;
    ToProto(*news, &response);
    wanted = co_await Write(std::move(response));
  }
  co_return absl::CancelledError("the client has gone");
}

bool WatchCall::Keep(std::shared_ptr<store::MailboxWatch> watch) {
  absl::MutexLock lock(&mutex_);
  if (over_ || draining_) return false;
  watch_ = std::move(watch);
  return true;
}

Task<bool> WatchCall::Write(v1::WatchMailboxesResponse response) {
  auto write = Await<bool>([this, &response](Done<bool> done) {
    {
      absl::MutexLock lock(&mutex_);
      if (!over_) {
        writing_ = std::move(done);
        ++tags_out_;
        context_.counters.stream_responses.fetch_add(1, std::memory_order_relaxed);
        stream_.Write(response, &written_tag_);
        return;
      }
    }
    std::move(done)(false);
  });
  const bool ok = co_await write;
  co_return ok;
}

void WatchCall::OnWritten(bool ok) {
  Done<bool> written;
  {
    absl::MutexLock lock(&mutex_);
    written = std::move(writing_);
    writing_ = nullptr;
  }
  std::move(written)(ok);
  TagReturned();
}

void WatchCall::Drain() {
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
  }
  Stop();
}

void WatchCall::Stop() {
  std::shared_ptr<store::MailboxWatch> watch;
  {
    absl::MutexLock lock(&mutex_);
    watch = watch_;
  }
  if (watch != nullptr) watch->Stop();
}

void WatchCall::OnDone(bool /*ok*/) {
  {
    absl::MutexLock lock(&mutex_);
    over_ = true;
  }
  Stop();
  context_.streams.Remove(this);
  TagReturned();
}

void WatchCall::End(const absl::Status& status) {
  absl::Status told = status;
  absl::MutexLock lock(&mutex_);
  watch_ = nullptr;
  if (over_) return;
  if (draining_) told = absl::UnavailableError("the service shuts down");
  if (!draining_) context_.NoteResult("WatchMailboxes", request_id_, told);
  ++tags_out_;
  stream_.Finish(ToGrpcStatus(told), &finished_tag_);
}

void WatchCall::TagReturned() {
  bool last = false;
  {
    absl::MutexLock lock(&mutex_);
    last = --tags_out_ == 0;
  }
  if (last) self_.reset();
}

}  // namespace restante::rpc
