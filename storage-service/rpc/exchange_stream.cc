#include "storage-service/rpc/exchange_stream.h"

#include <utility>

#include "common/config.h"
#include "storage-service/rpc/convert.h"
#include "storage-service/rpc/maildrop_calls.h"

namespace restante::rpc {
namespace {

// The session that an operation belongs to; empty for those that open one.
std::string SessionOf(const v1::Operation& operation) {
  switch (operation.operation_case()) {
    case v1::Operation::kResume:
      return operation.resume().session_token();
    case v1::Operation::kRows:
      return operation.rows().session_token();
    case v1::Operation::kCommit:
      return operation.commit().session_token();
    case v1::Operation::kClose:
      return operation.close().session_token();
    case v1::Operation::kMarkRetrieved:
      return operation.mark_retrieved().session_token();
    default:
      return {};
  }
}

struct Description {
  absl::string_view method;
  std::string request_id;
};

Description Describe(const v1::Operation& operation) {
  switch (operation.operation_case()) {
    case v1::Operation::kLogin:
      return {"Exchange.Login", operation.login().client().request_id()};
    case v1::Operation::kOpen:
      return {"Exchange.Open", operation.open().client().request_id()};
    case v1::Operation::kResume:
      return {"Exchange.Resume", ""};
    case v1::Operation::kRows:
      return {"Exchange.Rows", ""};
    case v1::Operation::kCommit:
      return {"Exchange.Commit", ""};
    case v1::Operation::kClose:
      return {"Exchange.Close", ""};
    case v1::Operation::kMarkRetrieved:
      return {"Exchange.MarkRetrieved", ""};
    case v1::Operation::kCancelLogin:
      return {"Exchange.CancelLogin", ""};
    default:
      return {"Exchange", ""};
  }
}

}  // namespace

void ExchangeStream::Serve(ServiceContext& context, v1::MaildropService::AsyncService& methods,
                           StreamLimits limits) {
  const std::shared_ptr<ExchangeStream> stream(new ExchangeStream(context, methods, limits));
  stream->AwaitCall([&](grpc::ServerContext* call, Stream* rpc, Completion* tag) {
    methods.RequestExchange(call, rpc, context.queue, context.queue, tag);
  });
}

ExchangeStream::ExchangeStream(ServiceContext& context,
                               v1::MaildropService::AsyncService& methods, StreamLimits limits)
    : BatchedStream(context, limits),
      methods_(methods),
      limits_(limits),
      maildrops_(context.store.maildrops()) {}

void ExchangeStream::OnCall() {
  Serve(context_, methods_, limits_);
  context_.counters.exchange_streams.fetch_add(1, std::memory_order_relaxed);
  store::Maildrops::LeaseEvents events;
  events.announce = [this](const store::Pop3Announcement& announcement) {
    AddToNext([&](v1::ExchangeResponse& response) {
      ToProto(announcement, response.mutable_announcement());
    });
  };
  events.held_up = [this] { return IsHeldUp(); };
  events.over = [this] { Cancel(); };
  lease_ = maildrops_.BeginLease(std::move(events));
}

void ExchangeStream::OnMessage(const v1::ExchangeRequest& message) {
  maildrops_.Heard(lease_);
  if (std::exchange(heard_, true) || !message.has_heartbeat_interval()) return;
  const absl::Duration interval = restante::FromProto(message.heartbeat_interval());
  if (interval > absl::ZeroDuration()) maildrops_.WatchForSilence(lease_, interval);
}

void ExchangeStream::OnItem(v1::ExchangeRequest& message, int index) {
  v1::Operation operation = std::move(*message.mutable_operations(index));
  const std::string token = SessionOf(operation);
  if (!token.empty()) {
    absl::MutexLock lock(&sessions_mutex_);
    const auto [session, idle] = sessions_.try_emplace(token);
    if (!idle) {
      session->second.push_back(std::move(operation));
      return;
    }
  }
  Spawn(Run(Self(), std::move(operation)));
}

Task<void> ExchangeStream::Run(std::shared_ptr<ExchangeStream> self, v1::Operation operation) {
  const std::string token = SessionOf(operation);
  do {
    v1::Result result = co_await self->Execute(&operation);
    const bool delivered = self->Finished(1, &result);
    if (!delivered) self->CloseIfOpened(result);
  } while (self->TakeNext(token, &operation));
}

Task<v1::Result> ExchangeStream::Execute(v1::Operation* operation) {
  const Description description = Describe(*operation);
  v1::Result result;
  absl::Status status;
  std::string token;
  std::shared_ptr<store::PendingLogin> pending;
  switch (operation->operation_case()) {
    case v1::Operation::kLogin:
      pending = Begin(*operation);
      status = co_await Login(&maildrops_, lease_, operation->mutable_login(),
                              result.mutable_login(), pending);
      break;
    case v1::Operation::kOpen:
      pending = Begin(*operation);
      status = co_await Open(&maildrops_, lease_, operation->mutable_open(),
                             result.mutable_open(), pending);
      break;
    case v1::Operation::kCancelLogin:
      CancelLogin(operation->cancel_login().id());
      result.mutable_cancel_login();
      break;
    case v1::Operation::kResume:
      token = operation->resume().session_token();
      status = co_await maildrops_.Resume(lease_, std::move(token));
      result.mutable_resume();
      break;
    case v1::Operation::kRows:
      status = co_await Rows(&maildrops_, operation->mutable_rows(), result.mutable_rows());
      break;
    case v1::Operation::kCommit:
      status =
          co_await Commit(&maildrops_, operation->mutable_commit(), result.mutable_commit());
      break;
    case v1::Operation::kClose:
      status = co_await Close(&maildrops_, operation->mutable_close());
      result.mutable_close();
      break;
    case v1::Operation::kMarkRetrieved:
      status = co_await MarkRetrieved(&maildrops_, operation->mutable_mark_retrieved());
      result.mutable_mark_retrieved();
      break;
    case v1::Operation::OPERATION_NOT_SET:
      status = InvalidRequest("operation: none is set that this service knows");
      break;
  }
  if (pending != nullptr) {
    absl::MutexLock lock(&sessions_mutex_);
    logins_.erase(operation->id());
  }
  context_.NoteResult(description.method, description.request_id, status);
  if (!status.ok()) *result.mutable_error() = ToRpcStatus(status);
  result.set_id(operation->id());
  co_return result;
}

std::shared_ptr<store::PendingLogin> ExchangeStream::Begin(const v1::Operation& login) {
  auto pending = std::make_shared<store::PendingLogin>();
  absl::MutexLock lock(&sessions_mutex_);
  logins_[login.id()] = pending;
  return pending;
}

void ExchangeStream::CancelLogin(uint64_t id) {
  std::shared_ptr<store::PendingLogin> pending;
  {
    absl::MutexLock lock(&sessions_mutex_);
    const auto found = logins_.find(id);
    if (found == logins_.end()) return;
    pending = found->second;
  }
  // The login may end on this thread.
  maildrops_.CancelLogin(*pending);
}

bool ExchangeStream::TakeNext(const std::string& token, v1::Operation* operation) {
  if (token.empty()) return false;
  absl::MutexLock lock(&sessions_mutex_);
  const auto session = sessions_.find(token);
  if (session->second.empty()) {
    sessions_.erase(session);
    return false;
  }
  *operation = std::move(session->second.front());
  session->second.pop_front();
  return true;
}

// A session whose token never reached anybody would hold its maildrop for nothing.
void ExchangeStream::CloseIfOpened(const v1::Result& result) {
  const v1::MaildropSession& session =
      result.has_login() ? result.login().session() : result.open().session();
  if (!session.session_token().empty()) {
    // The lock is free when this returns; there is nothing else to wait for.
    Spawn<absl::Status>(maildrops_.Close(session.session_token(), {}), [](absl::Status) {});
  }
}

void ExchangeStream::OnOver(std::deque<Batch> undelivered) {
  for (const Batch& batch : undelivered) {
    for (const v1::Result& result : batch.response.results()) CloseIfOpened(result);
  }
  maildrops_.EndLease(lease_);
  context_.counters.exchange_streams.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace restante::rpc
