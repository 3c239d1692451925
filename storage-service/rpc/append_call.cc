#include "storage-service/rpc/append_call.h"

#include <utility>

#include "common/grpc_status.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/convert_mailboxes.h"
#include "storage-service/rpc/request_id.h"

namespace restante::rpc {

void AppendCall::Serve(ServiceContext& context, v1::MailboxesService::AsyncService& methods) {
  new AppendCall(context, methods);
}

AppendCall::AppendCall(ServiceContext& context, v1::MailboxesService::AsyncService& methods)
    : context_(context), methods_(methods), stream_(&call_) {
  methods_.RequestAppendMessages(&call_, &stream_, context_.queue, context_.queue, &call_tag_);
}

void AppendCall::OnCall(bool ok) {
  if (!ok) {
    delete this;  // the server shuts down
    return;
  }
  hold_ = context_.work.Begin();
  Serve(context_, methods_);
  context_.counters.calls.fetch_add(1, std::memory_order_relaxed);
  Spawn<Answer>(Run(), [this](Answer answer) { End(answer); });
}

Task<bool> AppendCall::Read() {
  auto read = Await<bool>([this](Done<bool> done) {
    reading_ = std::move(done);
    stream_.Read(&request_, &read_tag_);
  });
  const bool ok = co_await read;
  co_return ok;
}

void AppendCall::OnRead(bool ok) {
  Done<bool> reading = std::move(reading_);
  reading_ = nullptr;
  std::move(reading)(ok);
}

Task<AppendCall::Answer> AppendCall::Run() {
  bool first = true;
  while (true) {
    const bool read = co_await Read();
    if (!read) {
      co_return InvalidRequest("the call ended without `commit`; nothing was appended");
    }
    if (first) {
      first = false;
      std::string address = std::move(*request_.mutable_address());
      std::string mailbox = std::move(*request_.mutable_mailbox());
      absl::StatusOr<std::unique_ptr<store::Appending>> begun =
          co_await context_.store.mailboxes().Append(std::move(address), std::move(mailbox));
      if (!begun.ok()) co_return begun.status();
      appending_ = *std::move(begun);
    }
    for (int i = 0; i < request_.parts_size(); ++i) {
      absl::Status taken = co_await Take(request_.mutable_parts(i));
      if (!taken.ok()) co_return taken;
    }
    if (!request_.commit()) continue;
    absl::StatusOr<store::AppendAnswer> appended = co_await appending_->Finish();
    if (!appended.ok()) co_return appended.status();
    v1::AppendMessagesResponse response;
    ToProto(*std::move(appended), &response);
    co_return response;
  }
}

Task<absl::Status> AppendCall::Take(v1::AppendPart* part) {
  if (part->has_message()) {
    store::NewMessage message = FromProto(std::move(*part->mutable_message()));
    absl::Status begun = co_await appending_->Begin(std::move(message));
    if (!begun.ok()) co_return begun;
  }
  if (!part->data().empty()) {
    std::string data = std::move(*part->mutable_data());
    absl::Status added = co_await appending_->Add(std::move(data));
    if (!added.ok()) co_return added;
  }
  if (!part->last()) co_return absl::OkStatus();
  absl::Status ended = co_await appending_->End();
  co_return ended;
}

void AppendCall::End(const Answer& answer) {
  // What isn't finished is given up before the client hears of it.
  appending_ = nullptr;
  context_.NoteResult("AppendMessages", RequestIdOf(call_), answer.status());
  if (answer.ok()) {
    stream_.Finish(*answer, grpc::Status::OK, &finished_tag_);
  } else {
    stream_.FinishWithError(ToGrpcStatus(answer.status()), &finished_tag_);
  }
}

}  // namespace restante::rpc
