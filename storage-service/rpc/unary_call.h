// Unary calls, each a task of the store: the queue's thread starts it and is free
// again; whichever thread completes it answers the call.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/grpc_status.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/completion_thread.h"
#include "storage-service/rpc/request_id.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

// A method as ServeUnary and ServeStream take it: how to wait for its next call, its
// name for log lines (a constant), and what carries it out. Async is the generated
// AsyncService, Base the part of it that has the method, Responder what answers.
template <typename Async, typename Base, typename Request, typename Responder>
struct AsyncMethod {
  Async* service;
  void (Base::*await_call)(grpc::ServerContext*, Request*, Responder*, grpc::CompletionQueue*,
                           grpc::ServerCompletionQueue*, void*);
  absl::string_view name;
};

// One call, from the time that it is waited for. gRPC holds it as its tag, and it
// deletes itself when it comes back for the last time.
template <typename Async, typename Base, typename Request, typename Response>
class UnaryCall final : public Completion {
 public:
  using Method = AsyncMethod<Async, Base, Request, grpc::ServerAsyncResponseWriter<Response>>;
  // Fills in the response and answers the call's status. Both messages stay where
  // they are until then; strings of the request may be moved out.
  using Handler = std::function<Task<absl::Status>(ServiceContext*, Request*, Response*)>;

  UnaryCall(ServiceContext& context, Method method, Handler handler)
      : context_(context), method_(method), handler_(std::move(handler)), responder_(&call_) {
    (method_.service->*method_.await_call)(&call_, &request_, &responder_, context_.queue,
                                           context_.queue, this);
  }

  void Complete(bool ok) override {
    if (!ok || come_) {
      delete this;  // the server shuts down, or the call is answered
      return;
    }
    come_ = true;
    hold_ = context_.work.Begin();
    new UnaryCall(context_, method_, handler_);
    context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
    request_id_ = RequestIdOf(call_, request_);
    Spawn<absl::Status>(handler_(&context_, &request_, &response_),
                        [this](absl::Status status) { Answer(status); });
  }

 private:
  // The call may be gone when this returns.
  void Answer(const absl::Status& status) {
    context_.NoteResult(method_.name, request_id_, status);
    if (status.ok()) {
      responder_.Finish(response_, grpc::Status::OK, this);
    } else {
      responder_.FinishWithError(ToGrpcStatus(status), this);
    }
  }

  WorkTracker::Hold hold_;  // released last
  ServiceContext& context_;
  const Method method_;
  const Handler handler_;
  grpc::ServerContext call_;
  Request request_;
  Response response_;
  grpc::ServerAsyncResponseWriter<Response> responder_;
  std::string request_id_;
  bool come_ = false;
};

// Serves a unary method for as long as the server runs.
template <typename Async, typename Base, typename Request, typename Response>
void ServeUnary(ServiceContext& context, Async& service,
                void (Base::*await_call)(grpc::ServerContext*, Request*,
                                         grpc::ServerAsyncResponseWriter<Response>*,
                                         grpc::CompletionQueue*, grpc::ServerCompletionQueue*,
                                         void*),
                absl::string_view name,
                typename UnaryCall<Async, Base, Request, Response>::Handler handler) {
  new UnaryCall<Async, Base, Request, Response>(context, {&service, await_call, name},
                                                std::move(handler));
}

}  // namespace restante::rpc
