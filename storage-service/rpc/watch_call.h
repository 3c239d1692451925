// A call that tells its client of changes until one of them goes or the server shuts down:
// writes what the store has to tell, one message at a time; what comes while a message is
// being written waits in the store, which bounds it.
//
// What is watched is `Method`:
//
//   struct WatchMailboxes {
//     using Service = ...::AsyncService;  // and Request, Response, Watch
//     static constexpr char kName[] = "WatchMailboxes";
//     static constexpr auto kTake = &Service::RequestWatchMailboxes;
//     static Task<absl::StatusOr<std::unique_ptr<Watch>>> Open(ServiceContext*, const
//     Request*); static void Write(const News&, Response*);  // News: what Watch::Next brings
//   };
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/grpc_status.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/completion_thread.h"
#include "storage-service/rpc/request_id.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

template <typename Method>
class WatchCall final : public DrainableStream,
                        public std::enable_shared_from_this<WatchCall<Method>> {
 public:
  using Service = typename Method::Service;
  using Request = typename Method::Request;
  using Response = typename Method::Response;
  using Watch = typename Method::Watch;

  // Takes calls for as long as the server runs.
  static void Serve(ServiceContext& context, Service& methods) {
    std::shared_ptr<WatchCall> call(new WatchCall(context, methods));
    call->self_ = call;
    call->call_.AsyncNotifyWhenDone(&call->done_tag_);
    (methods.*Method::kTake)(&call->call_, &call->request_, &call->stream_, context.queue,
                             context.queue, &call->call_tag_);
  }

  // Ends the call with UNAVAILABLE.
  void Drain() override ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      draining_ = true;
    }
    Stop();
  }

 private:
  // A tag that keeps the call alive while it is handled.
  struct Tag final : Completion {
    Tag(WatchCall* call, void (WatchCall::*handler)(bool)) : call(call), handler(handler) {}
    void Complete(bool ok) override {
      const std::shared_ptr<WatchCall> alive = call->self_;
      (call->*handler)(ok);
    }
    WatchCall* const call;
    void (WatchCall::*const handler)(bool);
  };

  WatchCall(ServiceContext& context, Service& methods)
      : context_(context), methods_(methods), stream_(&call_) {}

  void OnCall(bool ok) {
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
    Spawn<absl::Status>(
        Run(), [call = this->shared_from_this()](absl::Status status) { call->End(status); });
  }

  // Tells until something ends it.
  Task<absl::Status> Run() {
    absl::StatusOr<std::unique_ptr<Watch>> made = co_await Method::Open(&context_, &request_);
    if (!made.ok()) co_return made.status();
    const std::shared_ptr<Watch> watch = *std::move(made);
    bool wanted = Keep(watch);
    while (wanted) {
      auto news = co_await watch->Next();
      if (!news.ok()) co_return news.status();
      Response response;
      Method::Write(*news, &response);
      wanted = co_await Write(std::move(response));
    }
    co_return absl::CancelledError("the client has gone");
  }

  // False: nobody wants to hear any more.
  bool Keep(std::shared_ptr<Watch> watch) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (over_ || draining_) return false;
    watch_ = std::move(watch);
    return true;
  }

  // False: the call is over, or about to be.
  Task<bool> Write(Response response) {
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

  void OnWritten(bool ok) ABSL_LOCKS_EXCLUDED(mutex_) {
    Done<bool> written;
    {
      absl::MutexLock lock(&mutex_);
      written = std::move(writing_);
      writing_ = nullptr;
    }
    std::move(written)(ok);
    TagReturned();
  }

  void OnFinished(bool /*ok*/) { TagReturned(); }

  void OnDone(bool /*ok*/) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      over_ = true;
    }
    Stop();
    context_.streams.Remove(this);
    TagReturned();
  }

  void Stop() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::shared_ptr<Watch> watch;
    {
      absl::MutexLock lock(&mutex_);
      watch = watch_;
    }
    if (watch != nullptr) watch->Stop();
  }

  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::Status told = status;
    absl::MutexLock lock(&mutex_);
    watch_ = nullptr;
    if (over_) return;
    if (draining_) told = absl::UnavailableError("the service shuts down");
    if (!draining_) context_.NoteResult(Method::kName, request_id_, told);
    ++tags_out_;
    stream_.Finish(ToGrpcStatus(told), &finished_tag_);
  }

  void TagReturned() ABSL_LOCKS_EXCLUDED(mutex_) {
    bool last = false;
    {
      absl::MutexLock lock(&mutex_);
      last = --tags_out_ == 0;
    }
    if (last) self_.reset();
  }

  WorkTracker::Hold hold_;  // released last
  ServiceContext& context_;
  Service& methods_;
  grpc::ServerContext call_;
  Request request_;
  grpc::ServerAsyncWriter<Response> stream_;
  Tag call_tag_{this, &WatchCall::OnCall};
  Tag written_tag_{this, &WatchCall::OnWritten};
  Tag finished_tag_{this, &WatchCall::OnFinished};
  Tag done_tag_{this, &WatchCall::OnDone};
  std::string request_id_;
  // Held while gRPC has a tag; changed on the queue's thread only.
  std::shared_ptr<WatchCall> self_;

  absl::Mutex mutex_;
  int tags_out_ ABSL_GUARDED_BY(mutex_) = 0;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Watch> watch_ ABSL_GUARDED_BY(mutex_);
  Done<bool> writing_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::rpc
