// One AppendMessages call: hands the parts of its requests to the store, and reads the
// next request when the store has taken them. A call that ends without `commit`, for
// whatever reason, appends nothing.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "restante/v1/mailboxes.grpc.pb.h"
#include "storage-service/async/task.h"
#include "storage-service/rpc/completion_thread.h"
#include "storage-service/rpc/service_context.h"

namespace restante::rpc {

class AppendCall {
 public:
  // Takes calls for as long as the server runs.
  static void Serve(ServiceContext& context, v1::MailboxesService::AsyncService& methods);

 private:
  using Answer = absl::StatusOr<v1::AppendMessagesResponse>;

  AppendCall(ServiceContext& context, v1::MailboxesService::AsyncService& methods);

  void OnCall(bool ok);
  void OnRead(bool ok);
  // gRPC has given the last tag back: the object goes.
  void OnFinished(bool /*ok*/) { delete this; }

  Task<Answer> Run();
  // The next request; false: there is none.
  Task<bool> Read();
  Task<absl::Status> Take(v1::AppendPart* part);
  // The call may be gone when this returns.
  void End(const Answer& answer);

  WorkTracker::Hold hold_;  // released last
  ServiceContext& context_;
  v1::MailboxesService::AsyncService& methods_;
  grpc::ServerContext call_;
  grpc::ServerAsyncReader<v1::AppendMessagesResponse, v1::AppendMessagesRequest> stream_;
  MemberCompletion<AppendCall> call_tag_{this, &AppendCall::OnCall};
  MemberCompletion<AppendCall> read_tag_{this, &AppendCall::OnRead};
  MemberCompletion<AppendCall> finished_tag_{this, &AppendCall::OnFinished};
  v1::AppendMessagesRequest request_;
  // Whoever waits for the read under way; the only one who uses this object then.
  Done<bool> reading_;
  std::unique_ptr<store::Appending> appending_;
};

}  // namespace restante::rpc
