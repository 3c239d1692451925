#include "pop3d/exchange_stream.h"

#include <utility>

#include "common/config.h"
#include "common/grpc_status.h"

namespace restante::pop3 {

std::shared_ptr<ExchangeStream> ExchangeStream::Start(v1::MaildropService::Stub& stub,
                                                      ExchangeEvents& events,
                                                      absl::Duration heartbeat) {
  std::shared_ptr<ExchangeStream> stream(new ExchangeStream(events));
  stream->self_ = stream;
  {
    absl::MutexLock lock(&stream->mutex_);
    *stream->pending_.mutable_heartbeat_interval() = ToProto(heartbeat);
  }
  // While the service is away the call waits for the channel to find it again.
  stream->context_.set_wait_for_ready(true);
  stub.async()->Exchange(&stream->context_, stream.get());
  // Kept until reading ends: writes start on other threads than gRPC's.
  stream->AddHold();
  stream->StartRead(&stream->response_);
  stream->StartCall();
  return stream;
}

void ExchangeStream::Enqueue(v1::Operation operation) {
  absl::MutexLock lock(&mutex_);
  if (finishing_) return;
  pending_.mutable_operations()->Add(std::move(operation));
}

ExchangeStream::Next ExchangeStream::TakeNext() {
  if (writing_ || ended_) return Next::kNothing;
  if (pending_.operations_size() != 0 || std::exchange(beat_, false)) {
    written_.Clear();
    written_.Swap(&pending_);
    writing_ = true;
    return Next::kWrite;
  }
  if (!finishing_) return Next::kNothing;
  ended_ = true;
  return Next::kFinish;
}

void ExchangeStream::Do(Next next) {
  if (next == Next::kWrite) {
    StartWrite(&written_);
  } else if (next == Next::kFinish) {
    StartWritesDone();
  }
}

void ExchangeStream::Flush() {
  Next next;
  {
    absl::MutexLock lock(&mutex_);
    next = TakeNext();
    // The hold of Start() may go as soon as the mutex is free.
    if (next != Next::kNothing) AddHold();
  }
  if (next == Next::kNothing) return;
  Do(next);
  RemoveHold();
}

void ExchangeStream::Beat() {
  {
    absl::MutexLock lock(&mutex_);
    // What is being written shows as much.
    if (writing_ || finishing_) return;
    beat_ = true;
  }
  Flush();
}

void ExchangeStream::Finish() {
  {
    absl::MutexLock lock(&mutex_);
    finishing_ = true;
  }
  Flush();
}

void ExchangeStream::OnReadDone(bool ok) {
  if (ok) {
    events_.OnResults(response_);
    response_.Clear();
    StartRead(&response_);
    return;
  }
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
  }
  RemoveHold();
}

void ExchangeStream::OnWriteDone(bool ok) {
  Next next;
  {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) ended_ = true;
    next = TakeNext();
  }
  Do(next);
}

void ExchangeStream::OnDone(const grpc::Status& status) {
  std::vector<uint64_t> unsent;
  {
    absl::MutexLock lock(&mutex_);
    for (const v1::Operation& operation : pending_.operations()) {
      unsent.push_back(operation.id());
    }
  }
  events_.OnBroken(std::move(self_),
                   status.ok() ? absl::UnavailableError("the service ended the stream")
                               : FromGrpcStatus(status),
                   std::move(unsent));
}

}  // namespace restante::pop3
