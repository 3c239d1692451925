// Calls with one request and a stream of responses, each a task of the store. The
// task writes one response at a time, and learns from a write that the client has
// gone; it is never cancelled from outside, so it needs no care for its own life.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/grpc_status.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/completion_thread.h"
#include "storage-service/rpc/request_id.h"
#include "storage-service/rpc/service_context.h"
#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {

// The task's side of such a call.
template <typename Response>
class ResponseWriter {
 public:
  // Begins to write a response, which may be changed afterwards. Written() must be
  // awaited before the next write and before the task's end.
  virtual void StartWrite(const Response& response) = 0;

  // Calls `done` when the write is over: false if the client has gone, and then no
  // other may follow. For tasks: co_await Written(writer).
  virtual void AwaitWritten(Done<bool> done) = 0;

  // Leaves with the status, after the task's end: one packet, one wake-up.
  virtual void SetLast(Response response) = 0;

  virtual const std::string& request_id() const = 0;

 protected:
  ~ResponseWriter() = default;
};

template <typename Response>
Task<bool> Written(ResponseWriter<Response>* writer) {
  auto write =
      Await<bool>([writer](Done<bool> done) { writer->AwaitWritten(std::move(done)); });
  const bool ok = co_await write;
  co_return ok;
}

// As UnaryCall.
template <typename Async, typename Base, typename Request, typename Response>
class StreamCall final : public Completion, public ResponseWriter<Response> {
 public:
  using Method = AsyncMethod<Async, Base, Request, grpc::ServerAsyncWriter<Response>>;
  using Handler = Task<absl::Status> (*)(ServiceContext*, Request*, ResponseWriter<Response>*);

  StreamCall(ServiceContext& context, Method method, Handler handler)
      : context_(context), method_(method), handler_(handler), stream_(&call_) {
    (method_.service->*method_.await_call)(&call_, &request_, &stream_, context_.queue,
                                           context_.queue, this);
  }

  void Complete(bool ok) override {
    if (!ok || come_) {
      delete this;  // the server shuts down, or the call is over
      return;
    }
    come_ = true;
    hold_ = context_.work.Begin();
    new StreamCall(context_, method_, handler_);
    context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
    request_id_ = RequestIdOf(call_, request_);
    Spawn<absl::Status>(handler_(&context_, &request_, this),
                        [this](absl::Status status) { End(status); });
  }

  void StartWrite(const Response& response) override {
    context_.counters.stream_responses.fetch_add(1, std::memory_order_relaxed);
    stream_.Write(response, &written_tag_);
  }

  void AwaitWritten(Done<bool> done) override {
    bool ok = false;
    {
      absl::MutexLock lock(&mutex_);
      if (!written_.has_value()) {
        waiting_ = std::move(done);
        return;
      }
      ok = *written_;
      written_.reset();
    }
    std::move(done)(ok);
  }

  void SetLast(Response response) override { last_ = std::move(response); }

  const std::string& request_id() const override { return request_id_; }

 private:
  void OnWritten(bool ok) {
    Done<bool> waiting;
    {
      absl::MutexLock lock(&mutex_);
      if (!waiting_) {
        written_ = ok;
        return;
      }
      waiting = std::move(waiting_);
      waiting_ = nullptr;
    }
    std::move(waiting)(ok);
  }

  // The call may be gone when this returns.
  void End(const absl::Status& status) {
    context_.NoteResult(method_.name, request_id_, status);
    if (last_.has_value() && status.ok()) {
      context_.counters.stream_responses.fetch_add(1, std::memory_order_relaxed);
      stream_.WriteAndFinish(*last_, grpc::WriteOptions(), grpc::Status::OK, this);
    } else {
      stream_.Finish(ToGrpcStatus(status), this);
    }
  }

  WorkTracker::Hold hold_;  // released last
  ServiceContext& context_;
  const Method method_;
  const Handler handler_;
  grpc::ServerContext call_;
  Request request_;
  grpc::ServerAsyncWriter<Response> stream_;
  MemberCompletion<StreamCall> written_tag_{this, &StreamCall::OnWritten};
  std::string request_id_;
  bool come_ = false;
  std::optional<Response> last_;

  absl::Mutex mutex_;
  std::optional<bool> written_ ABSL_GUARDED_BY(mutex_);
  Done<bool> waiting_ ABSL_GUARDED_BY(mutex_);
};

// Serves a method that streams responses for as long as the server runs.
template <typename Async, typename Base, typename Request, typename Response>
void ServeStream(
    ServiceContext& context, Async& service,
    void (Base::*await_call)(grpc::ServerContext*, Request*, grpc::ServerAsyncWriter<Response>*,
                             grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*),
    absl::string_view name,
    Task<absl::Status> (*handler)(ServiceContext*, Request*, ResponseWriter<Response>*)) {
  new StreamCall<Async, Base, Request, Response>(context, {&service, await_call, name},
                                                 handler);
}

}  // namespace restante::rpc
