// One WatchMailboxes call: writes what the store has to tell, one message at a time; what
// comes while a message is being written waits in the store, as one event for each
// mailbox. Ends when the client goes or the server shuts down.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "restante/v1/mailboxes.grpc.pb.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/completion_thread.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class WatchCall final : public DrainableStream, public std::enable_shared_from_this<WatchCall> {
 public:
  // Takes calls for as long as the server runs.
  static void Serve(ServiceContext& context, v1::MailboxesService::AsyncService& methods);

  // Ends the call with UNAVAILABLE.
  void Drain() override ABSL_LOCKS_EXCLUDED(mutex_);

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

  WatchCall(ServiceContext& context, v1::MailboxesService::AsyncService& methods);

  void OnCall(bool ok);
  void OnWritten(bool ok) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnFinished(bool /*ok*/) { TagReturned(); }
  void OnDone(bool ok) ABSL_LOCKS_EXCLUDED(mutex_);
  void TagReturned() ABSL_LOCKS_EXCLUDED(mutex_);

  // Tells until something ends it.
  Task<absl::Status> Run();
  // False: the call is over, or about to be.
  Task<bool> Write(v1::WatchMailboxesResponse response);
  // False: nobody wants to hear any more.
  bool Keep(std::shared_ptr<store::MailboxWatch> watch) ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  void End(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  WorkTracker::Hold hold_;  // released last
  ServiceContext& context_;
  v1::MailboxesService::AsyncService& methods_;
  grpc::ServerContext call_;
  v1::WatchMailboxesRequest request_;
  grpc::ServerAsyncWriter<v1::WatchMailboxesResponse> stream_;
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
  std::shared_ptr<store::MailboxWatch> watch_ ABSL_GUARDED_BY(mutex_);
  Done<bool> writing_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restante::rpc
