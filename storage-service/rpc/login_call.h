// Unary calls that open a maildrop. Like UnaryCall, but the login is given up when its
// caller cancels or is gone, and a session that nobody hears of is closed.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "storage-service/rpc/unary_call.h"

namespace restante::rpc {

// As UnaryCall.
template <typename Async, typename Base, typename Request, typename Response>
class LoginCall final : public Completion {
 public:
  using Method = AsyncMethod<Async, Base, Request, grpc::ServerAsyncResponseWriter<Response>>;
  using Handler = Task<absl::Status> (*)(store::Maildrops*, store::LeaseId, Request*, Response*,
                                         std::shared_ptr<store::PendingLogin>);

  LoginCall(ServiceContext& context, Method method, Handler handler)
      : context_(context), method_(method), handler_(handler), responder_(&call_) {
    call_.AsyncNotifyWhenDone(&over_tag_);
    (method_.service->*method_.await_call)(&call_, &request_, &responder_, context_.queue,
                                           context_.queue, this);
  }

  void Complete(bool ok) override {
    if (come_) {  // answered
      answered_ = ok;
      TagReturned();
      return;
    }
    if (!ok) {
      delete this;  // the server shuts down
      return;
    }
    come_ = true;
    hold_ = context_.work.Begin();
    new LoginCall(context_, method_, handler_);
    context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
    request_id_ = RequestIdOf(call_, request_);
    Spawn<absl::Status>(handler_(&context_.store.maildrops(), store::kUnaryLease, &request_,
                                 &response_, pending_),
                        [this](absl::Status status) { Answer(status); });
  }

 private:
  // The call may be gone when this returns.
  void Answer(const absl::Status& status) {
    context_.NoteResult(method_.name, request_id_, status);
    if (status.ok()) {
      responder_.Finish(response_, grpc::Status::OK, this);
    } else {
      response_.Clear();
      responder_.FinishWithError(ToGrpcStatus(status), this);
    }
  }

  void OnOver(bool /*ok*/) {
    cancelled_ = call_.IsCancelled();
    if (cancelled_) context_.store.maildrops().CancelLogin(*pending_);
    TagReturned();
  }

  // On the queue's thread.
  void TagReturned() {
    if (--tags_out_ > 0) return;
    const std::string& token = response_.session().session_token();
    if (!token.empty() && (cancelled_ || !answered_)) {
      Spawn<absl::Status>(context_.store.maildrops().Close(token, {}), [](absl::Status) {});
    }
    delete this;
  }

  WorkTracker::Hold hold_;  // released last
  ServiceContext& context_;
  const Method method_;
  const Handler handler_;
  grpc::ServerContext call_;
  Request request_;
  Response response_;
  grpc::ServerAsyncResponseWriter<Response> responder_;
  MemberCompletion<LoginCall> over_tag_{this, &LoginCall::OnOver};
  const std::shared_ptr<store::PendingLogin> pending_ = std::make_shared<store::PendingLogin>();
  std::string request_id_;
  bool come_ = false;
  // Once it has come: the answer's, and over_tag_.
  int tags_out_ = 2;
  bool answered_ = false;
  bool cancelled_ = false;
};

// Serves such a method for as long as the server runs.
template <typename Async, typename Base, typename Request, typename Response>
void ServeLogin(ServiceContext& context, Async& service,
                void (Base::*await_call)(grpc::ServerContext*, Request*,
                                         grpc::ServerAsyncResponseWriter<Response>*,
                                         grpc::CompletionQueue*, grpc::ServerCompletionQueue*,
                                         void*),
                absl::string_view name,
                typename LoginCall<Async, Base, Request, Response>::Handler handler) {
  new LoginCall<Async, Base, Request, Response>(context, {&service, await_call, name}, handler);
}

}  // namespace restante::rpc
